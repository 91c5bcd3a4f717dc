/** The steps of a way in their order. */
export type WayStep = "address" | "tcp" | "proxy" | "tls" | "http2";

/** What went wrong, for programs that give advice of their own; one for each sentence. */
export type WayFaultKind =
  | "proxy_setting"
  | "unknown_name"
  | "silent_resolver"
  | "refused"
  | "unreachable"
  | "silent"
  | "proxy_down"
  | "proxy_credentials"
  | "proxy_refusal"
  | "proxy_foreign"
  | "not_tls"
  | "tls_silent"
  | "tls_closed"
  | "tls_refused"
  | "untrusted"
  | "self_signed"
  | "inspected"
  | "expired"
  | "not_yet_valid"
  | "wrong_name"
  | "client_certificate"
  | "no_http2"
  | "not_plain"
  | "broken";

export interface WayFault {
  readonly kind: WayFaultKind;
  readonly step: WayStep;
  /** What was seen: a sentence without a full stop. */
  readonly what: string;
  /** What to do about it; continues the sentence after a colon. */
  readonly fix: string;
}

/** Why a server was not reached. The message is what was seen and what to do. */
export class WayError extends Error {
  readonly fault: WayFault;

  constructor(fault: WayFault, cause?: unknown) {
    super(fault.fix === "" ? fault.what : `${fault.what}: ${fault.fix}`, cause === undefined ? {} : { cause });
    this.name = "WayError";
    this.fault = fault;
  }
}

/** The fault of the way at the root of an error, if there is one. */
export function wayFaultOf(error: unknown): WayFault | undefined {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if (one instanceof WayError) return one.fault;
  }
  return undefined;
}
