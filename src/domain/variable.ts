import type { OrganizationId, VariableId, WorkspaceId } from "../lib/ids.ts";

export type VariableCategory = "terraform" | "env";

/** A value that the runs of a workspace get. */
export interface Variable {
  readonly id: VariableId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  /** Unique in its workspace and category. */
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
