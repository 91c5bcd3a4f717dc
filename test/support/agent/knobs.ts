import type { ConnectError } from "@connectrpc/connect";
import type { SessionMessage } from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";

/** What a test may change of the control plane's behaviour. */
export interface Knobs {
  /** Thrown by Register. */
  refusal: ConnectError | undefined;
  /** Streams are refused while true: the control plane is away. */
  isAway: boolean;
  /** Result acknowledgements to lose. */
  lostResultAcks: number;
  /** Log chunks to answer with a rewind instead of taking them. */
  refusedChunks: number;
  /** How many messages of a kind are refused as breaking a rule. */
  readonly refusals: Map<SessionMessage, number>;
  /** Results that are refused because the job was not granted. */
  ungrantedResults: number;
  heartbeatMs: number;
  /** Session tokens are not accepted while true. */
  isSessionRefused: boolean;
  /** Heartbeats are not answered while true. */
  isSilent: boolean;
  /** The lease of every job; none is named if undefined. */
  leaseMs: number | undefined;
  logWindowBytes: number;
  /** Downloads of states stand still while true; `stalledDownloads` of them are under way. */
  isStateStalled: boolean;
  stalledDownloads: number;
}

/** A control plane that behaves. */
export const untouchedKnobs = (): Knobs => ({
  refusal: undefined,
  isAway: false,
  lostResultAcks: 0,
  refusedChunks: 0,
  refusals: new Map(),
  ungrantedResults: 0,
  heartbeatMs: 200,
  isSessionRefused: false,
  isSilent: false,
  leaseMs: undefined,
  logWindowBytes: 256 * 1024,
  isStateStalled: false,
  stalledDownloads: 0,
});
