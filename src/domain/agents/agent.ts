import type { AgentId, AgentTokenId, OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Engine } from "../workspaces/workspace.ts";
import type { AgentUpdateStatus } from "./agent-update.ts";
import type { Labels } from "./label-selector.ts";

/** A program that an agent has. */
export interface EngineProgram {
  readonly engine: Engine;
  /** Exact. */
  readonly version: string;
}

/** What an agent says that its jobs can have. */
export interface AgentEngines {
  readonly programs: readonly EngineProgram[];
  /** What it may download; `source` is for people. */
  readonly downloads: readonly { readonly engine: Engine; readonly source: string }[];
}

export type AgentStatus = "idle" | "busy" | "unknown" | "errored" | "exited";

/** The directory of a job that is over, which stays on its agent because something in it could not be delivered. */
export interface KeptDirectory {
  readonly jobId: string;
  readonly epoch: number;
  readonly runId: string;
  readonly workspace: string;
  /** For people. */
  readonly reason: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly keptAtMs: number;
}

/** The claim whose directory it is, as one word. */
export const keptKey = ({ jobId, epoch }: Pick<KeptDirectory, "jobId" | "epoch">): string => `${jobId}-${epoch}`;

/** One registered agent. Pool, organization and token are null for the server agent. */
export interface Agent {
  readonly id: AgentId;
  readonly organizationId: OrganizationId | null;
  readonly poolId: PoolId | null;
  readonly tokenId: AgentTokenId | null;
  /** The disk it keeps its journal on. Unique in its pool. */
  readonly incarnation: string;
  /** The process that registered last. */
  readonly bootId: string;
  /** Counts up with every accepted stream. */
  readonly sessionEpoch: number;
  /** SHA-256 of the session token, in hex. Unique. */
  readonly sessionTokenHash: string;
  readonly name: string;
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  readonly concurrency: number;
  readonly sandbox: string;
  /** What its jobs can have, as it said last; null if it does not say: it gets jobs of every kind. */
  readonly engines: AgentEngines | null;
  readonly status: AgentStatus;
  readonly isPaused: boolean;
  readonly isDraining: boolean;
  /** What was said when it was paused or drained; empty if nothing. */
  readonly pauseReason: string;
  /** Name of the control plane process that holds its connection; empty if none does. */
  readonly connectedTo: string;
  /** Id of that process; null if none does, or one of before it had an id. */
  readonly replicaId: string | null;
  /** Where the process that registered last keeps its data; empty if it cannot tell. */
  readonly place: string;
  /** Where the jobs that it has not brought to an end were begun; empty if there are none, or it is not known. */
  readonly jobsPlace: string;
  /** For operators; empty if all is well. */
  readonly warning: string;
  /** What it said last that it keeps, newest first. */
  readonly keptDirectories: readonly KeptDirectory[];
  /** Keys of those that somebody wants removed and that it has not said to be gone. */
  readonly unwantedDirectories: readonly string[];
  /** How far it is with updating itself, as it said last; null if it never did. */
  readonly updateStatus: AgentUpdateStatus | null;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
}

/** After how long a silence means what. Invariant I29. */
export interface Silence {
  readonly unknownMs: number;
  readonly erroredMs: number;
}

export type AgentEvent =
  /** It was heard: registered, or a heartbeat. */
  | { readonly kind: "heard"; readonly jobs: number }
  /** Nothing was heard for this long. */
  | { readonly kind: "silent"; readonly forMs: number }
  | { readonly kind: "goodbye" };

/** The status after an event. Coming back heals everything: an agent never has to be helped. */
export function agentStatusAfter(status: AgentStatus, event: AgentEvent, silence: Silence): AgentStatus {
  switch (event.kind) {
    case "heard":
      return event.jobs > 0 ? "busy" : "idle";
    case "goodbye":
      return "exited";
    case "silent":
      if (status === "exited") return "exited";
      if (event.forMs >= silence.erroredMs) return "errored";
      if (status === "errored") return "errored";
      return event.forMs >= silence.unknownMs ? "unknown" : status;
  }
}

/** The labels that selectors see: what the agent was started with and, above that, its system and name. */
export const labelsOf = ({ labels, os, arch, name }: Pick<Agent, "labels" | "os" | "arch" | "name">): Labels => ({
  ...labels,
  os,
  arch,
  name,
});

/** An agent that is connected cannot be deleted. */
export const isDeletable = (status: AgentStatus): boolean => status !== "idle" && status !== "busy";
