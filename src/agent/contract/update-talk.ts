import type { AgentUpdate, AgentUpdateWish } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";

/** What a stream says and hears of updates. It outlives streams. */
export interface UpdateTalk {
  /** For hellos and heartbeats. */
  readonly report: () => AgentUpdate;
  /** A heartbeat was answered, with this wish or none. */
  readonly answered: (wish: AgentUpdateWish | undefined) => void;
}

/** How far an agent may go by itself. */
export type UpdateStrategy = "minor" | "patch" | "disabled";

/** What the launcher said when it started this process. */
export interface Launch {
  readonly pid: number;
  /** The version that is installed beside the launcher. */
  readonly installed: string;
  /** True if this version has to prove itself. */
  readonly isTrial: boolean;
  /** Where it looks for versions. */
  readonly versions: string;
}

/** What the agent was told about updates. */
export interface UpdateConfig {
  readonly strategy: UpdateStrategy;
  /** How long a version that is there waits for a moment without a job. */
  readonly maxWaitMs: number;
  /** How long a version may take to prove itself. */
  readonly trialMs: number;
  /** Where versions are fetched from; the server if absent. */
  readonly url?: URL | undefined;
  /** Authorities that are trusted there; those of Node if absent. */
  readonly authorities?: readonly string[] | undefined;
  /** That came with the program: base64 of 32 bytes each. None in a checkout. */
  readonly keys: readonly string[];
  /** Absent if no launcher has started it. */
  readonly launch?: Launch | undefined;
}
