import type { OrganizationId, VariableId, VariableSetId, WorkspaceId } from "../lib/ids.ts";

export type VariableCategory = "terraform" | "env";

/** A value for runs, whoever holds it. */
export interface StoredVariable {
  readonly id: VariableId;
  readonly organizationId: OrganizationId;
  /** Unique in its workspace or set and category. */
  readonly key: string;
  readonly category: VariableCategory;
  /** In clear; empty if it is sensitive. */
  readonly value: string;
  /** The encrypted value; null unless it is sensitive. */
  readonly sealedValue: Uint8Array | null;
  readonly isHcl: boolean;
  readonly isSensitive: boolean;
  readonly description: string;
  readonly updatedAt: Date;
}

/** A value that the runs of a workspace get. */
export interface Variable extends StoredVariable {
  readonly workspaceId: WorkspaceId;
}

/** A value that the runs of every workspace with its set get. */
export interface SetVariable extends StoredVariable {
  readonly setId: VariableSetId;
}
