import type { ConnectError } from "@connectrpc/connect";

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
  heartbeatMs: number;
  /** Session tokens are not accepted while true. */
  isSessionRefused: boolean;
  /** Heartbeats are not answered while true. */
  isSilent: boolean;
  /** The lease of every job; none is named if undefined. */
  leaseMs: number | undefined;
  logWindowBytes: number;
}

/** A control plane that behaves. */
export const untouchedKnobs = (): Knobs => ({
  refusal: undefined,
  isAway: false,
  lostResultAcks: 0,
  refusedChunks: 0,
  heartbeatMs: 200,
  isSessionRefused: false,
  isSilent: false,
  leaseMs: undefined,
  logWindowBytes: 256 * 1024,
});
