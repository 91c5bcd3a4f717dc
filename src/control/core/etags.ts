import { WindlassError } from "../../lib/words/errors.ts";

/** What names the present version of a row; it changes with every update. */
export const etagOf = (row: { readonly version: number }): string => String(row.version);

/** Refuses to overwrite somebody else's change. An empty etag overwrites whatever is there. */
export function demandEtag(row: { readonly version: number }, etag: string, what: string): void {
  const current = etagOf(row);
  if (etag === "" || etag === current) return;
  const message = `${what} has changed since etag ${JSON.stringify(etag)} was read: it has etag "${current}" now. Read it again and repeat the change`;
  throw new WindlassError("etag_mismatch", message, { metadata: { current_etag: current } });
}
