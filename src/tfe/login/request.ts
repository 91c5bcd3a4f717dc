import type { OpenCall } from "../core/call.ts";
import { type FormValues, valuesOf } from "./form.ts";

/** How terraform is known here. It can keep no secret: this proves nothing. */
export const clientId = "terraform-cli";
/** Where terraform waits for the answer, on the computer of whoever started it. */
export const loopbackPorts = { first: 10_000, last: 10_010 } as const;

/** What discovery says of the login. Source: terraform's login protocol. */
export const loginService = (origin: string) => ({
  client: clientId,
  grant_types: ["authz_code"],
  authz: `${origin}/oauth/authorization`,
  token: `${origin}/oauth/token`,
  ports: [loopbackPorts.first, loopbackPorts.last],
});

/** What terraform asks for, and how it will prove that it asked. */
export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  /** Given back as it came; empty if there was none. */
  readonly state: string;
}

/** Where an answer goes to. */
export type ReturnPath = Pick<AuthorizationRequest, "redirectUri" | "state">;

export type RequestOutcome =
  | { readonly kind: "asked"; readonly request: AuthorizationRequest }
  /** Told to the program that asks. */
  | { readonly kind: "refused"; readonly to: ReturnPath; readonly error: string; readonly why: string }
  /** Told to the person: nobody knows where the program is, or it is not one of this computer. */
  | { readonly kind: "unfit"; readonly why: string };

const maxState = 1_024;

/** Reads the query of an authorization request. Source: RFC 6749, 4.1.1; RFC 7636, 4.3. */
export function readRequest({ query }: Pick<OpenCall, "query">): RequestOutcome {
  const values = valuesOf(query);
  const text = (name: string) => values.get(name) ?? "";
  const state = text("state");
  const redirectUri = text("redirect_uri");
  const unfit = whyUnfit(values);
  if (unfit !== undefined) return { kind: "unfit", why: unfit };
  const refusal = refusalOf(values);
  if (refusal !== undefined) return { kind: "refused", to: { redirectUri, state }, ...refusal };
  return { kind: "asked", request: { clientId, redirectUri, challenge: text("code_challenge"), state } };
}

function whyUnfit(values: FormValues): string | undefined {
  if (values.get("client_id") !== clientId) return `The client_id is not ${clientId}.`;
  if ((values.get("state") ?? "").length > maxState) return `The state is longer than ${maxState} characters.`;
  if (isLoopback(values.get("redirect_uri") ?? "")) return undefined;
  const { first, last } = loopbackPorts;
  return `The redirect_uri is not http://localhost:PORT/login with a port from ${first} to ${last}.`;
}

/** Compared as a text: what browsers make of odd URLs plays no part. */
function isLoopback(uri: string): boolean {
  const port = Number(/^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]):(\d{5})\/login$/.exec(uri)?.[1]);
  return port >= loopbackPorts.first && port <= loopbackPorts.last;
}

function refusalOf(values: FormValues): { readonly error: string; readonly why: string } | undefined {
  if (values.get("response_type") !== "code") {
    return { error: "unsupported_response_type", why: "the response_type must be code" };
  }
  if ((values.get("scope") ?? "").trim() !== "") return { error: "invalid_scope", why: "there are no scopes here" };
  if (values.get("code_challenge_method") !== "S256") {
    return { error: "invalid_request", why: "the code_challenge_method must be S256" };
  }
  const isChallenge = /^[A-Za-z0-9_-]{43}$/.test(values.get("code_challenge") ?? "");
  return isChallenge ? undefined : { error: "invalid_request", why: "the code_challenge is no SHA-256 in base64url" };
}

/** Where the browser goes with an answer. */
export function returnTo({ redirectUri, state }: ReturnPath, answer: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams({ ...answer, ...(state === "" ? {} : { state }) });
  return `${redirectUri}?${query.toString()}`;
}
