import type { OrganizationId, VariableId, VariableSetId, WorkspaceId } from "../../lib/words/ids.ts";

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
  /** Counts up with every change, also with one that changes nothing. */
  readonly revision: number;
  readonly updatedAt: Date;
}

/** A value that the runs of a workspace get. */
export interface Variable extends StoredVariable {
  readonly workspaceId: WorkspaceId;
}

/**
 * What a sensitive variable of a workspace or a set was before: it may still stand in states and outputs. Exactly one of
 * `workspaceId` and `setId` is not null.
 */
export interface FormerSecret {
  readonly id: VariableId;
  readonly workspaceId: WorkspaceId | null;
  readonly setId: VariableSetId | null;
  readonly sealedValue: Uint8Array;
  readonly isHcl: boolean;
  readonly replacedAt: Date;
}

/** A value that the runs of every workspace with its set get. */
export interface SetVariable extends StoredVariable {
  readonly setId: VariableSetId;
}
