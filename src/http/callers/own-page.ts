import { WindlassError } from "../../lib/words/errors.ts";

/** What a browser says of where a request comes from. */
export interface AskingPage {
  /** The header `origin`: of the page that makes the request; null if it does not say. */
  readonly from: string | null;
  /** The header `sec-fetch-site`; null if it does not say. */
  readonly site: string | null;
  /** True if nothing is changed, however often it is asked. */
  readonly isRead: boolean;
}

/**
 * Refuses what a page of somebody else asks in the name of a person who is signed in here. What changes something, or stays
 * open, has to name an origin under which this server is known. Browsers leave the origin out of reads; those that another
 * page starts tell so by `sec-fetch-site`, where nobody reads along.
 */
export function demandOwnPage({ from, site, isRead }: AskingPage, origins: readonly string[]): void {
  const isOwnSite = site === null || site === "same-origin" || (isRead && site === "none");
  if (isOwnSite && (from === null ? isRead : origins.includes(from))) return;
  const who = from === null ? "a page that does not say which one" : `a page of ${from.slice(0, 200)}`;
  throw new WindlassError(
    "permission_denied",
    `this call came from ${who}, and a signed-in browser is answered for pages of ${origins.join(" or ")} alone. Behind a proxy: set --public-url, or --trusted-proxies`,
    { metadata: { action: "browser session" } },
  );
}

/** The origins under which the server is known: as this caller reaches it, and as it is set. */
export const ownOrigins = (origin: string, publicUrl: string | undefined): readonly string[] => [
  ...new Set([origin, ...(publicUrl === undefined ? [] : [publicUrl])].map((url) => new URL(url).origin)),
];
