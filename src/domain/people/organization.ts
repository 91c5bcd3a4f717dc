import type { OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Engine, ExecutionMode, KeptAttributes } from "../workspaces/workspace.ts";

/** Owns everything below it and is the tenant boundary. */
export interface Organization {
  readonly id: OrganizationId;
  /** Unique. */
  readonly name: string;
  /** Most agents that may be connected at once over all pools; 0 is no limit. */
  readonly maxAgents: number;
  /** Most workspaces it may have; 0 is no limit. */
  readonly maxWorkspaces: number;
  /** For workspaces that are created without one, and for those that follow it. */
  readonly defaultExecutionMode: ExecutionMode;
  /** Set exactly if the default mode is `agent`. */
  readonly defaultPoolId: PoolId | null;
  readonly defaultEngine: Engine;
  /** For workspaces that are created with neither engine nor version. */
  readonly defaultEngineVersion: string;
  /** Whom to ask about it; for people. */
  readonly email: string;
  /** Whether operators may delete workspaces that have state; owners always may. */
  readonly allowsForceDelete: boolean;
  /** What clients of the TFE API keep with it, and what nothing here depends on; by their names there. */
  readonly keptAttributes: KeptAttributes;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Counts up with every change: the etag. */
  readonly version: number;
}

/** What an organization has of which nobody said anything. */
export const plainOrganization = {
  maxAgents: 0,
  maxWorkspaces: 0,
  defaultExecutionMode: "remote",
  defaultPoolId: null,
  defaultEngine: "terraform",
  defaultEngineVersion: "",
  email: "",
  allowsForceDelete: true,
  keptAttributes: {},
} as const satisfies Partial<Organization>;
