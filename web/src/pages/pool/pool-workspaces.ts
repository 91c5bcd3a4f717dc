import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";

/** A workspace that may use a pool, or does. */
export interface PoolWorkspace {
  readonly name: string;
  readonly isGranted: boolean;
  readonly isAssigned: boolean;
}

/** Every workspace that a pool names, by name. One that is assigned and not granted comes first: its runs wait. */
export function poolWorkspaces(
  pool: Pick<AgentPool, "organizationScoped" | "grantedWorkspaces" | "assignedWorkspaces">,
): readonly PoolWorkspace[] {
  const granted = new Set(pool.grantedWorkspaces);
  const assigned = new Set(pool.assignedWorkspaces);
  return [...new Set([...pool.grantedWorkspaces, ...pool.assignedWorkspaces])]
    .map((name) => ({ name, isGranted: pool.organizationScoped || granted.has(name), isAssigned: assigned.has(name) }))
    .toSorted((a, b) => Number(a.isGranted) - Number(b.isGranted) || (a.name < b.name ? -1 : 1));
}
