import type { Control } from "../control/core/control.ts";
import type { CallerOptions } from "../http/callers/callers.ts";
import type { HttpRequest } from "../http/messages.ts";
import type { Budget } from "../lib/async/budget.ts";

/** A request to the tenant, and what answers it are made of. */
export interface WebCall {
  readonly control: Control;
  readonly callers: CallerOptions;
  readonly request: HttpRequest;
  readonly path: string;
  readonly query: URLSearchParams;
  /** How the caller reaches this server, as far as it can be known: scheme and host. */
  readonly origin: string;
  readonly address: string;
  readonly recognize: () => void;
  /** Downloads take turns. */
  readonly places: Budget;
  /** Aborted when the caller is gone or the server stops. */
  readonly signal: AbortSignal;
}

/** A header as one text; null if it is not there. */
export function headerOf({ request }: Pick<WebCall, "request">, name: string): string | null {
  const value = request.headers[name];
  return value === undefined ? null : typeof value === "string" ? value : value.join(",");
}

/** What the browser says of the page that makes a request. */
export const pageFacts = (call: Pick<WebCall, "request">) => ({
  from: headerOf(call, "origin"),
  site: headerOf(call, "sec-fetch-site"),
});
