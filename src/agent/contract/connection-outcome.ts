import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import {
  foreignText,
  http2Reason,
  isOwnAnswer,
  isOwnRefusal,
  needsHttp2,
  ownReason,
} from "../../lib/way/own-answer.ts";
import { tooLargePackets } from "../../lib/way/packet-words.ts";
import { cannotServe } from "../../lib/way/several.ts";
import { wayFaultOf } from "../../lib/way/way-error.ts";

/** How one attempt to be connected ended: registration and stream together. */
export type ConnectionOutcome =
  /** Nothing is known but that it does not work right now. */
  | {
      readonly kind: "unavailable";
      readonly reason: string;
      readonly retryAfterMs?: number | undefined;
      /** Windlass did not accept the credential of the stream. */
      readonly isRefused?: boolean | undefined;
      /** The stream was ended on the way, or never answered. */
      readonly isCut?: boolean | undefined;
      /** Nothing came back on a connection that seemed to be there. */
      readonly isSilent?: boolean | undefined;
      /** What was called cannot serve now, and another server may. */
      readonly isBetterElsewhere?: boolean | undefined;
    }
  /** The stream was welcomed and broke. */
  | {
      readonly kind: "lost";
      readonly reason: string;
      readonly livedMs: number;
      /** Nothing came back any more. */
      readonly isSilent?: boolean;
    }
  /** The stream has come to a bound of something on the way: the next one goes on, without a registration. */
  | { readonly kind: "changed" }
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

export type BrokenStream = Extract<ConnectionOutcome, { readonly kind: "unavailable" | "lost" }>;

const credentialCodes: ReadonlySet<Code> = new Set([Code.Unauthenticated, Code.PermissionDenied]);

/** What a failed Register means. Only Windlass' own refusals are final: everything else is worth another try. */
export function registerFailure(error: unknown): ConnectionOutcome {
  const failure = ConnectError.from(error);
  if (ownReason(failure) === "AGENT_VERSION_REFUSED") return { kind: "version_refused", detail: failure.rawMessage };
  if (isOwnRefusal(failure, credentialCodes)) return { kind: "token_rejected", detail: failure.rawMessage };
  if (!isUnanswered(failure)) return unavailable(failure);
  const reason = `the server takes calls and answers none: ${tooLargePackets}`;
  return { kind: "unavailable", reason, isSilent: true, isBetterElsewhere: true };
}

/** What the failure of a stream that was not welcomed means. Its session token may just have been replaced. */
export function openFailure(error: unknown): ConnectionOutcome {
  const failure = ConnectError.from(error);
  const isCut = foreignText(failure) !== undefined;
  return { ...unavailable(failure), isRefused: isOwnRefusal(failure, credentialCodes), isCut };
}

/** The connection was there, and its deadline passed. */
const isUnanswered = (error: ConnectError): boolean =>
  error.code === Code.DeadlineExceeded && !isOwnAnswer(error) && wayFaultOf(error) === undefined;

function unavailable(error: ConnectError) {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const retryAfterMs = delay === undefined ? {} : { retryAfterMs: durationMs(delay) };
  // Where no server was reached, all were tried.
  const isAnotherTry = wayFaultOf(error) === undefined && (!isOwnAnswer(error) || cannotServe(error));
  const isBetterElsewhere = isAnotherTry ? { isBetterElsewhere: true } : {};
  return { kind: "unavailable", reason: reasonOf(error), ...retryAfterMs, ...isBetterElsewhere } as const;
}

function reasonOf(error: ConnectError): string {
  if (ownReason(error) === http2Reason) return needsHttp2;
  if (wayFaultOf(error) !== undefined) return error.rawMessage;
  return foreignText(error) ?? explained(error.message);
}

/** What the words of the HTTP libraries mean for whoever set the address. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/HTTP status code|Unimplemented|unimplemented/, "this address is no Windlass server, or one of another version"],
];

function explained(message: string): string {
  const meaning = meanings.find(([pattern]) => pattern.test(message))?.[1];
  return meaning === undefined ? message : `${meaning} (${message})`;
}
