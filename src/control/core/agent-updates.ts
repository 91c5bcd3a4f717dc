import type { Agent } from "../../domain/agents/agent.ts";
import type { OfferedRelease } from "../../domain/agents/rollout.ts";

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
export interface AgentWish {
  readonly target: string;
  readonly manifestSha256: string;
}

/** What a server that has agent versions does with them. */
export interface AgentUpdates {
  readonly releases: AgentReleases;
  /** Undefined if the agent should stay what it is. Never rejects. */
  readonly wishFor: (agent: Pick<Agent, "id" | "poolId">) => Promise<AgentWish | undefined>;
  /** An agent of this pool stands elsewhere than before. */
  readonly changed: (poolId: Agent["poolId"]) => void;
}
