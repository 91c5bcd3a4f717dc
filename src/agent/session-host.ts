import type {
  JobCommand,
  Offer,
  ResultAck,
  ResumeDecision,
  SessionRequest,
  StartDecision,
} from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { HeldJob, JobClaim } from "../gen/windlass/agent/v1/job_pb.ts";
import type { ClaimKey } from "./claim.ts";
import type { BeatTime } from "./freshness.ts";
import type { LogSource } from "./log-sender.ts";

/** What goes out on a stream. */
export type OutgoingMessage = SessionRequest["message"];

/** A wish of a job to say something; it is repeated until the job has no more wish for it. */
export interface Speech {
  readonly key: ClaimKey;
  readonly message: Extract<OutgoingMessage, { case: "startRequest" | "jobResult" }>;
}

/** Whether an offered job is taken. */
export type OfferAnswer =
  | { readonly kind: "taken" }
  /** It is held already: a repeated offer. */
  | { readonly kind: "held" }
  | { readonly kind: "declined"; readonly reason: string };

/** What changed on the agent's side, for the stream to act on. */
export type HostChange =
  | { readonly kind: "speech" }
  | { readonly kind: "log" }
  | { readonly kind: "draining" }
  /** Something waits for a heartbeat to be answered. */
  | { readonly kind: "doubtful" }
  /** The agent is idle and goes. */
  | { readonly kind: "leaving"; readonly reason: string }
  | { readonly kind: "declined"; readonly claim: JobClaim; readonly reason: string };

/** What a stream needs to know of the agent, and tells it. It outlives streams. */
export interface SessionHost {
  readonly held: () => readonly HeldJob[];
  readonly speeches: () => readonly Speech[];
  readonly logs: () => readonly LogSource[];
  readonly isDraining: () => boolean;
  /** Why the agent goes, once it is to leave and idle. */
  readonly leaving: () => string | undefined;
  readonly freeDiskBytes: () => Promise<bigint>;
  /** Calls back at each change until disposed. */
  readonly onChange: (listener: (change: HostChange) => void) => Disposable;

  readonly resume: (decision: ResumeDecision) => void;
  readonly offer: (offer: Offer) => OfferAnswer;
  readonly decide: (decision: StartDecision) => void;
  readonly command: (command: JobCommand) => void;
  /** A heartbeat was answered; its commands follow by themselves. */
  readonly heartbeatAnswered: (beat: BeatTime, commands: readonly JobCommand[]) => void;
  readonly logAcknowledged: (key: ClaimKey, offset: number, closed: boolean) => void;
  readonly resultAcknowledged: (key: ClaimKey, ack: ResultAck) => void;
  /** The server asks the agent to leave when idle. */
  readonly drain: (reason: string) => void;
}
