import type { OrganizationId, VariableSetId } from "../../lib/words/ids.ts";

/** Variables that several workspaces get. */
export interface VariableSet {
  readonly id: VariableSetId;
  readonly organizationId: OrganizationId;
  /** Unique in its organization. */
  readonly name: string;
  readonly description: string;
  /** Every workspace of the organization gets it. */
  readonly isGlobal: boolean;
  /** Its values win over those of workspaces, runs and other sets. */
  readonly isPriority: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}
