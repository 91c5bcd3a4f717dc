import type { Agent, Silence } from "../../domain/agents/agent.ts";
import type { OfferedRelease } from "../../domain/agents/rollout.ts";
import type { Retention } from "../../domain/people/retention.ts";
import type { Leases } from "../../domain/runs/job.ts";
import type { LogWindows } from "../../lib/async/log-windows.ts";
import type { WakeUps } from "../../lib/async/wake-ups.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Random } from "../../lib/random.ts";
import type { OrganizationId } from "../../lib/words/ids.ts";
import type { BlobStore } from "../../store/ports/blobs.ts";
import type { LogStore } from "../../store/ports/logs.ts";
import type { Store } from "../../store/ports/store.ts";
import type { Documents } from "../documents/documents.ts";
import type { KnownKeys } from "./credentials.ts";
import type { HelloGate } from "./hello-gate.ts";

import type { Observer } from "./observer.ts";
import type { Presence } from "./presence.ts";
import type { Replicas } from "./replicas.ts";
import type { Vault } from "./vault.ts";

/** What is bounded, and by how much. Each has a flag of the same name on windlassd. */
export interface Limits {
  /** Compressed size of a configuration archive. */
  readonly maxConfigurationBytes: number;
  readonly maxStateBytes: number;
  readonly maxPlanBytes: number;
  /** Files that a plan makes for its apply, before they are compressed; 0 is none. */
  readonly maxPlanFilesBytes: number;
  /** Log of one job. */
  readonly maxLogBytes: number;
  /** Log bytes that one agent may have on the way. */
  readonly logWindowBytes: number;
  /** Calls of one API key, with bursts of twice that; 0 is no limit. Calls that need no credential count by address. */
  readonly callsPerSecond: number;
  /** Rejected credentials from one address before it is told to wait; 0 is no limit. */
  readonly authFailuresPerMinute: number;
  /** Runs of one workspace that have not ended; 0 is no limit. */
  readonly maxQueuedRuns: number;
  /** Agents of one agent token, gone ones included, of which the oldest make room; 0 is no limit. */
  readonly maxAgentsPerToken: number;
  /** Agents that one agent token may register for the first time within a minute; 0 is no limit. */
  readonly registrationsPerMinute: number;
}

/** How long things take before somebody looks. */
export interface Timing {
  readonly heartbeatMs: number;
  readonly silence: Silence;
  readonly leases: Leases;
  /** What every lease gets at least when the control plane starts. */
  readonly restartGraceMs: number;
  /** How long the log of an ended job may stay open before it is closed with a visible gap. */
  readonly logGraceMs: number;
  /** How long a run may wait for its workspace or for an agent, if it does not say so itself, before it is canceled. */
  readonly queueTimeoutMs: number;
  /** How long a plan may take where its workspace does not say so; 0 is for ever. */
  readonly planTimeoutMs: number;
  /** The same for an apply. */
  readonly applyTimeoutMs: number;
  /** The same for the init at the beginning of either. */
  readonly initTimeoutMs: number;
}

/** A text that must not be seen by people who may only look, and whether it is an HCL expression. */
export interface Secret {
  readonly value: string;
  readonly isHcl: boolean;
}

/** Makes what takes secrets, in every form in which they are looked for in logs, out of texts. */
export type Hiding = (secrets: readonly Secret[], of: OrganizationId) => Hide;
export type Hide = (text: string) => Promise<string>;

/** The certificate of the server. */
export interface ServerCertificate {
  /** What it was issued for. */
  readonly name: string;
  readonly beginsAt: Date;
  readonly endsAt: Date;
}

/** Where the UI is. */
export interface WebPlace {
  /** How people reach it: `https://windlass.example.com`; undefined if that is not set. */
  readonly publicUrl: string | undefined;
}

/** A manifest of agent versions as it was signed, and what is in it. Agents believe it for its signatures, and the server believes nothing. */
export interface ServedManifest {
  readonly manifest: Uint8Array;
  readonly signatures: Uint8Array;
  /** Of the manifest, in hex. */
  readonly sha256: string;
  readonly releases: readonly OfferedRelease[];
  /** Names of the files that it lists. */
  readonly files: ReadonlySet<string>;
}

/** Where a server has agent versions from. */
export interface AgentReleases {
  /** Undefined if there is none that can be read. */
  readonly current: () => Promise<ServedManifest | undefined>;
  /** The bytes of a file of the manifest, from a position on. */
  readonly read: (file: string, from: number) => Promise<AsyncIterable<Uint8Array>>;
}

/** The version that an agent should become now. */
export interface VersionWish {
  readonly target: string;
  readonly manifestSha256: string;
}

/** What a server that has agent versions does with them. */
export interface AgentUpdates {
  readonly releases: AgentReleases;
  /** Undefined if the agent should stay what it is. Never rejects. */
  readonly wishFor: (agent: Pick<Agent, "id" | "poolId">) => Promise<VersionWish | undefined>;
  /** An agent of this pool stands elsewhere than before. */
  readonly changed: (poolId: Agent["poolId"]) => void;
}

/** What every use case works with. */
export interface Control {
  readonly version: string;
  /** Name of this process, for people: which control plane an agent is connected to. */
  readonly name: string;
  readonly store: Store;
  readonly logs: LogStore;
  readonly blobs: BlobStore;
  readonly vault: Vault;
  readonly documents: Documents;
  readonly clock: Clock;
  readonly random: Random;
  readonly wake: WakeUps;
  readonly knownKeys: KnownKeys;
  readonly presence: Presence;
  readonly replicas: Replicas;
  readonly helloGate: HelloGate;
  readonly logWindows: LogWindows;
  /** Absent on a server that has no versions for agents. */
  readonly agentUpdates?: AgentUpdates | undefined;
  readonly limits: Limits;
  readonly timing: Timing;
  readonly retention: Retention;
  readonly observer: Observer;
  /** Why no agent of this process takes the jobs of remote workspaces, and what to do; undefined if there is one. */
  readonly noServerAgent?: string | undefined;
  /** The certificate that new connections get; undefined without TLS. */
  readonly certificate?: (() => ServerCertificate | undefined) | undefined;
  /** The UI for browsers; undefined if it is not served: then nobody is signed in in one. */
  readonly web?: WebPlace | undefined;
  readonly hiding: Hiding;
  readonly log: Log;
}

/** Names of wake-ups. They carry no data: whoever wakes reads again. */
export const topics = {
  /** A job was queued, or an agent became free. */
  jobs: "jobs",
  run: (runId: string): string => `run/${runId}`,
  /** A job of the organization was given to an agent: which of them were last is the order of their turns. */
  turn: (organizationId: string): string => `turn/${organizationId}`,
  /** An agent came, went, or is in another state. */
  agents: "agents",
  /** What an agent should do has changed. */
  agent: (agentId: string): string => `agent/${agentId}`,
  log: (jobId: string): string => `log/${jobId}`,
  /** An API key was revoked, or ends at another time. */
  key: (keyId: string): string => `key/${keyId}`,
} as const;
