import type { OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Workspace } from "../workspaces/workspace.ts";
import type { AgentUpdatePolicy } from "./agent-update.ts";

/** A set of agents of one organization. */
export interface AgentPool {
  readonly id: PoolId;
  readonly organizationId: OrganizationId;
  /** Unique in its organization. */
  readonly name: string;
  readonly description: string;
  /** True: any workspace of the organization may use it. False: only the granted ones. */
  readonly isOrganizationScoped: boolean;
  /** How its agents update themselves; null as long as nobody has said. */
  readonly updatePolicy: AgentUpdatePolicy | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

/** Whether a workspace may use a pool. Checked at assignment, at dispatch and at start. */
export function mayUse(
  pool: Pick<AgentPool, "organizationId" | "isOrganizationScoped">,
  grants: ReadonlySet<string>,
  workspace: Pick<Workspace, "organizationId" | "name">,
): boolean {
  if (pool.organizationId !== workspace.organizationId) return false;
  return pool.isOrganizationScoped || grants.has(workspace.name);
}
