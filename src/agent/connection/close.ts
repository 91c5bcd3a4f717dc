import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { type Close, CloseReason, type Reconnect } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { ConnectionOutcome } from "../contract/connection-outcome.ts";

/** What the server means when it closes a stream. */
export function outcomeOfClose({ reason, detail }: Close): ConnectionOutcome {
  switch (reason) {
    case CloseReason.SUPERSEDED:
      return { kind: "superseded", detail };
    case CloseReason.REVOKED:
      return { kind: "token_rejected", detail: detail === "" ? "the agent token was revoked" : detail };
    case CloseReason.PROTOCOL:
    case CloseReason.FLOOD:
      return { kind: "protocol_broken", detail };
    case CloseReason.DELETED:
      return { kind: "deleted", detail: detail === "" ? "the agent was deleted" : detail };
    default:
      return { kind: "unavailable", reason: `the server closed the stream: ${detail}` };
  }
}

/** When the server wants the agent back on another stream. */
export const outcomeOfReconnect = ({ after, maxDelay }: Reconnect): ConnectionOutcome => ({
  kind: "told_to_reconnect",
  afterMs: intervalOf(after),
  maxDelayMs: intervalOf(maxDelay),
});

/** Milliseconds of a duration; 0 when it is absent. */
export const intervalOf = (duration: Duration | undefined): number =>
  duration === undefined ? 0 : durationMs(duration);
