import type { Control } from "../../control/core/control.ts";
import { type AuthenticationOptions, authenticate } from "../../control/people/authentication.ts";
import { personOfSession } from "../../control/people/browser-sessions.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { secretIn } from "./browser-cookie.ts";
import type { CallRates } from "./call-rates.ts";
import { type AskingPage, demandOwnPage, ownOrigins } from "./own-page.ts";

/** How callers are told apart and held back. */
export interface CallerOptions extends Pick<AuthenticationOptions, "serverAgentTokenHash" | "issuers"> {
  /** Without it callers may call as often as they like. */
  readonly rates?: CallRates | undefined;
}

/** What a request says of who makes it. */
export interface Credentials {
  /** The header of this name; null if there is none. */
  readonly authorization: string | null;
  readonly address: string;
}

/**
 * Who makes a request. Throws `token_invalid` and its sisters, and `rate_limited` for an address that shows too many
 * bad ones.
 */
export async function callerBy(
  control: Control,
  options: CallerOptions,
  { authorization, address }: Credentials,
): Promise<Principal> {
  return counted(options, { isShown: authorization !== null, address }, () =>
    authenticate(control, bearerToken(authorization), { ...options, address }),
  );
}

/** The same for somebody who typed their token into a page. */
export const callerWith = (
  control: Control,
  options: CallerOptions,
  { token, address }: { readonly token: string; readonly address: string },
): Promise<Principal> =>
  counted(options, { isShown: token !== "", address }, () => authenticate(control, token, { ...options, address }));

/** What a browser says of its request. */
export interface BrowserFacts extends AskingPage {
  /** How it reaches the server; empty if that is not known: then its cookie counts for nothing. */
  readonly origin: string;
  /** The header `cookie`; null if there is none. */
  readonly cookies: string | null;
}

/** Undefined if nobody is signed in there. Throws `permission_denied` for a request of a page of somebody else. */
async function personInBrowser(
  control: Control,
  options: CallerOptions,
  { origin, cookies, address, ...page }: BrowserFacts & Pick<Credentials, "address">,
): Promise<Person | undefined> {
  if (origin === "" || control.web === undefined) return undefined;
  const origins = ownOrigins(origin, control.web.publicUrl);
  return counted(options, { isShown: true, address }, async () => {
    const secret = secretIn(cookies, origins);
    if (secret === undefined) return undefined;
    demandOwnPage(page, origins);
    return personOfSession(control, { secret, address });
  });
}

/**
 * Who makes a request that may come from a browser, `browser` being what that says. A credential that is shown goes before its
 * cookie.
 */
export async function callerOrBrowser(
  control: Control,
  options: CallerOptions,
  { browser, ...credentials }: Credentials & { readonly browser: BrowserFacts | undefined },
): Promise<Principal> {
  const { authorization, address } = credentials;
  const person =
    authorization !== null || browser === undefined
      ? undefined
      : await personInBrowser(control, options, { ...browser, address });
  return person ?? callerBy(control, options, credentials);
}

async function counted<T>(
  { rates }: CallerOptions,
  { isShown, address }: { readonly isShown: boolean; readonly address: string },
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look();
  } catch (error) {
    // Without a credential nothing was looked up.
    throw isShown ? ((await rates?.rejected(error, address)) ?? error) : error;
  }
}

function bearerToken(header: string | null): string {
  if (header === null || header.trim() === "") return "";
  const [scheme, token, ...more] = header.trim().split(/\s+/);
  if (scheme?.toLowerCase() === "bearer" && token !== undefined && more.length === 0) return token;
  throw new WindlassError(
    "token_invalid",
    "the authorization header is not understood: expected authorization: Bearer wdl_usr_…",
  );
}
