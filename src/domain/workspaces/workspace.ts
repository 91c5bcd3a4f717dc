import type { OrganizationId, PoolId, RunId, StateVersionId, WorkspaceId } from "../../lib/words/ids.ts";

export type ExecutionMode = "remote" | "agent" | "local";
export type Engine = "terraform" | "tofu";

/** Attributes that are kept for their clients and given back as they came. */
export type KeptAttributes = Readonly<Record<string, unknown>>;

/** Who holds a workspace. A run's lock ends with the run once its state is safe; a person's by a person. */
export type WorkspaceLock =
  | { readonly kind: "run"; readonly runId: RunId; readonly at: Date }
  | { readonly kind: "person"; readonly by: string; readonly reason: string; readonly at: Date };

/** One terraform state and the settings of its runs. */
export interface Workspace {
  readonly id: WorkspaceId;
  readonly organizationId: OrganizationId;
  /** Unique in its organization. */
  readonly name: string;
  readonly description: string;
  readonly executionMode: ExecutionMode;
  /** Set exactly if the mode is `agent`. */
  readonly poolId: PoolId | null;
  readonly engine: Engine;
  /** Exact version or constraint; empty is whatever the agent has. */
  readonly engineVersion: string;
  /** Relative to the archive's root; empty is the root. */
  readonly workingDirectory: string;
  readonly isAutoApply: boolean;
  /** Sorted, each once. */
  readonly tags: readonly string[];
  /** Which agents of the pool may take its jobs; empty is all. */
  readonly agentSelector: string;
  /** 0 is the server's limit. */
  readonly planTimeoutMs: number;
  /** 0 is the server's limit. */
  readonly applyTimeoutMs: number;
  /** 0 is the server's limit. */
  readonly initTimeoutMs: number;
  /** Every workspace of the organization may read its outputs. */
  readonly sharesState: boolean;
  /** 0 is terraform's default. */
  readonly parallelism: number;
  /** Its mode and pool are those of its organization, now and when they change there. */
  readonly inheritsExecutionMode: boolean;
  /** Whether runs may destroy all that it has. */
  readonly allowsDestroy: boolean;
  /** Tags with values, beside the plain ones. */
  readonly tagBindings: Readonly<Record<string, string>>;
  /** Who made it, as whoever did so says; for people. */
  readonly sourceName: string;
  readonly sourceUrl: string;
  /** What clients of the TFE API keep with it, and what nothing here depends on; by their names there. */
  readonly keptAttributes: KeptAttributes;
  readonly lock: WorkspaceLock | null;
  readonly currentStateId: StateVersionId | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

/** What clients of the TFE API may say of a workspace, and what nobody else does. */
export const plainWorkspace = {
  inheritsExecutionMode: false,
  allowsDestroy: true,
  tagBindings: {},
  sourceName: "",
  sourceUrl: "",
  keptAttributes: {},
} as const satisfies Partial<Workspace>;
