import type {
  AgentEngines,
  JobCommand,
  KeptDirectory,
  Offer,
  ResultAck,
  ResumeDecision,
  SessionMessage,
  SessionRequest,
  StartDecision,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { HeldJob, JobClaim } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { ClaimKey } from "./claim.ts";
import type { BeatTime } from "./freshness.ts";

/** A log that can be sent: bytes 0 to `end` exist and never change. */
export interface LogSource {
  readonly key: ClaimKey;
  readonly claim: JobClaim;
  readonly end: number;
  /** True when nothing will be added. */
  readonly isComplete: boolean;
  read(offset: number, maxBytes: number): Promise<Uint8Array>;
}

/** What goes out on a stream. */
export type OutgoingMessage = SessionRequest["message"];

/** A message that a job wants sent: it is sent again with each heartbeat until the job takes it back. */
export interface PendingMessage {
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
  | { readonly kind: "message" }
  | { readonly kind: "log" }
  | { readonly kind: "draining" }
  /** A job has something to say of its preparation, or of what stands in its way. */
  | { readonly kind: "preparing" }
  /** A job has heard that it is to end. */
  | { readonly kind: "desired" }
  /** Something waits for a heartbeat to be answered. */
  | { readonly kind: "doubtful" }
  /** The disk has become full, or has room again. */
  | { readonly kind: "room" }
  /** Other directories are kept than before, or other programs are here. */
  | { readonly kind: "kept" | "engines" }
  /** The agent is idle and goes. */
  | { readonly kind: "leaving"; readonly reason: string }
  | { readonly kind: "declined"; readonly claim: JobClaim; readonly reason: string };

/** What a stream needs to know of the agent, and tells it. It outlives streams. */
export interface SessionHost {
  readonly held: () => readonly HeldJob[];
  readonly pendingMessages: () => readonly PendingMessage[];
  readonly logs: () => readonly LogSource[];
  readonly isDraining: () => boolean;
  /** Why the agent goes, once it is to leave and idle. */
  readonly leaving: () => string | undefined;
  /** As it was last seen: nothing waits for the disk. */
  readonly freeDiskBytes: () => bigint;
  /** What jobs can have here, as it was last seen; undefined before the first look. */
  readonly engines: () => AgentEngines | undefined;
  /** Resolves after the first look. */
  readonly enginesSeen: () => Promise<void>;
  /** Why there is no room for another job, as it was last seen; empty if there is. */
  readonly noRoom: () => string;
  /** Directories of jobs that are over, which stay for people. */
  readonly kept: () => readonly KeptDirectory[];
  /** Calls back at each change until disposed. */
  readonly onChange: (listener: (change: HostChange) => void) => Disposable;

  readonly resume: (decision: ResumeDecision) => void;
  readonly offer: (offer: Offer) => OfferAnswer;
  readonly decide: (decision: StartDecision) => void;
  readonly command: (command: JobCommand) => void;
  /** A heartbeat was answered; its commands follow by themselves. */
  readonly heartbeatAnswered: (beat: BeatTime, commands: readonly JobCommand[]) => void;
  /** How far a log is on its way, on the stream that is open. */
  readonly logSent: (key: ClaimKey, offset: number) => void;
  readonly logAcknowledged: (key: ClaimKey, offset: number, closed: boolean) => void;
  readonly resultAcknowledged: (key: ClaimKey, ack: ResultAck) => void;
  /** The server has not the state that a job's result names. */
  readonly lacksState: (key: ClaimKey) => void;
  /** The server will never take this message of a job as it is. */
  readonly refused: (key: ClaimKey, message: SessionMessage, detail: string) => void;
  /** Nobody wants these kept directories any more. */
  readonly removeKept: (claims: readonly JobClaim[]) => void;
  /** The server asks the agent to leave when idle. */
  readonly drain: (reason: string) => void;
}

/** Those who hear of changes on the agent's side. */
export class HostChanges {
  readonly #listeners = new Set<(change: HostChange) => void>();

  listen(listener: (change: HostChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  tell(change: HostChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}
