import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { wayFaultOf } from "../lib/way/way-error.ts";

/** How one attempt to be connected ended: registration and stream together. */
export type ConnectionOutcome =
  /** Nothing is known but that it does not work right now. */
  | {
      readonly kind: "unavailable";
      readonly reason: string;
      readonly retryAfterMs?: number;
      /** The credential of the stream was not accepted. */
      readonly isRefused?: boolean;
    }
  /** The stream was welcomed and broke. */
  | { readonly kind: "lost"; readonly reason: string; readonly livedMs: number }
  | { readonly kind: "told_to_reconnect"; readonly afterMs: number; readonly maxDelayMs: number }
  /** Another process has this agent's identity and its stream. */
  | { readonly kind: "superseded"; readonly detail: string }
  | { readonly kind: "protocol_broken"; readonly detail: string }
  | { readonly kind: "token_rejected"; readonly detail: string }
  | { readonly kind: "version_refused"; readonly detail: string }
  | { readonly kind: "deleted"; readonly detail: string }
  /** Said good-bye. */
  | { readonly kind: "left" }
  /** This process is being stopped. */
  | { readonly kind: "stopped" };

/** What a failed Register means. Everything that is not known to be final is worth another try. */
export function registerFailure(error: unknown): ConnectionOutcome {
  const failure = ConnectError.from(error);
  const reason = errorReason(failure);
  if (reason === "AGENT_VERSION_REFUSED") return { kind: "version_refused", detail: failure.rawMessage };
  if (failure.code === Code.Unauthenticated || failure.code === Code.PermissionDenied) {
    return { kind: "token_rejected", detail: failure.rawMessage };
  }
  return unavailable(failure);
}

/** What the failure of a stream that was not welcomed means. Its session token may just have been replaced. */
export function openFailure(error: unknown): ConnectionOutcome {
  const failure = ConnectError.from(error);
  const isRefused = failure.code === Code.Unauthenticated || failure.code === Code.PermissionDenied;
  return { ...unavailable(failure), isRefused };
}

/** The reason in an error's google.rpc.ErrorInfo; empty if it has none. */
export const errorReason = (error: ConnectError): string => error.findDetails(ErrorInfoSchema)[0]?.reason ?? "";

function unavailable(error: ConnectError) {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const retryAfterMs = delay === undefined ? {} : { retryAfterMs: durationMs(delay) };
  const reason = wayFaultOf(error) === undefined ? explained(error.message) : error.rawMessage;
  return { kind: "unavailable", reason, ...retryAfterMs } as const;
}

/** What the words of the HTTP libraries mean for whoever set the address. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/HTTP status code|Unimplemented|unimplemented/, "this address is no Windlass server, or one of another version"],
];

function explained(message: string): string {
  const meaning = meanings.find(([pattern]) => pattern.test(message))?.[1];
  return meaning === undefined ? message : `${meaning} (${message})`;
}
