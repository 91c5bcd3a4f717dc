import type { ConnectError } from "@connectrpc/connect";
import type {
  JobResult,
  LogChunk,
  RefusalReason,
  SessionResponse,
  StartRequest,
} from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { OfferedJob } from "./offered-job.ts";

/** A message that is not taken, and by which rule. */
export interface Refusal {
  readonly rule: string;
  readonly reason: RefusalReason;
}

/** How the control plane behaves; a scenario changes it while it plays. */
export interface Manners {
  /** Thrown by Register. */
  registerRefusal: ConnectError | undefined;
  /** Thrown by Session. */
  sessionRefusal: ConnectError | undefined;
  /** The session tokens of so many first registrations are accepted no more. */
  endedSessions: number;
  /** Hellos are not answered if false. */
  isWelcoming: boolean;
  /** Heartbeats are not answered if false. */
  isAnswering: boolean;
  /** So many heartbeats from now on are not taken. */
  refusedHeartbeats: number;
  heartbeatMs: number;
  leaseMs: number;
  /** Which history of the database registrations are told. */
  clusterGeneration: string;
  logWindowBytes: number;
  decide: (job: OfferedJob, request: StartRequest) => "grant" | "deny" | "silence";
  /** `store` takes the bytes and does not say so. */
  takeLog: (job: OfferedJob, chunk: LogChunk) => "take" | "store" | "silence" | "rewind" | "close" | "refuse";
  /** What is answered to a result whose log is whole. */
  takeResult: (job: OfferedJob, result: JobResult) => "seal" | "silence" | "ask-log" | Refusal;
  /** Asked for each message that is sent. */
  alter: (message: SessionResponse) => SessionResponse;
}

/** A control plane that does what the contract says. */
export const goodManners = (): Manners => ({
  registerRefusal: undefined,
  sessionRefusal: undefined,
  endedSessions: 0,
  isWelcoming: true,
  isAnswering: true,
  refusedHeartbeats: 0,
  heartbeatMs: 300,
  leaseMs: 120_000,
  clusterGeneration: "generation-1",
  logWindowBytes: 256 * 1024,
  decide: () => "grant",
  takeLog: () => "take",
  takeResult: () => "seal",
  alter: (message) => message,
});
