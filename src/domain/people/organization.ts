import type { OrganizationId } from "../../lib/words/ids.ts";
import type { Engine, ExecutionMode } from "../workspaces/workspace.ts";

/** Owns everything below it and is the tenant boundary. */
export interface Organization {
  readonly id: OrganizationId;
  /** Unique. */
  readonly name: string;
  /** Most agents that may be connected at once over all pools; 0 is no limit. */
  readonly maxAgents: number;
  /** Most workspaces it may have; 0 is no limit. */
  readonly maxWorkspaces: number;
  /** For workspaces that are created without one. */
  readonly defaultExecutionMode: Exclude<ExecutionMode, "agent">;
  readonly defaultEngine: Engine;
  /** For workspaces that are created with neither engine nor version. */
  readonly defaultEngineVersion: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Counts up with every change: the etag. */
  readonly version: number;
}
