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

/** A workspace that a dialog offers to grant a pool to, or to assign to it. */
export interface OfferedWorkspace {
  readonly name: string;
  readonly isGranted: boolean;
  /** Not among those that were found: a name may be granted before its workspace exists. */
  readonly isNew: boolean;
}

interface Offering {
  readonly pool: Pick<AgentPool, "organizationScoped" | "grantedWorkspaces" | "assignedWorkspaces">;
  readonly kind: "grant" | "assign";
  readonly search: string;
  readonly chosen: ReadonlySet<string>;
}

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,89}$/;

/** What is offered of the workspaces that were found: first what was chosen before, last what cannot be chosen. */
export function offeredBy(
  found: readonly { readonly name: string }[],
  { pool, kind, search, chosen }: Offering,
): readonly OfferedWorkspace[] {
  const has = new Set(kind === "grant" ? pool.grantedWorkspaces : pool.assignedWorkspaces);
  const granted = new Set(pool.grantedWorkspaces);
  const names = found.map(({ name }) => name).filter((name) => !has.has(name));
  const typed = kind === "grant" && namePattern.test(search) && !names.includes(search) && !has.has(search);
  const kept = [...chosen].filter((name) => !names.includes(name) && name !== search);
  return [...kept, ...(typed ? [search] : []), ...names]
    .map((name) => ({
      name,
      isGranted: pool.organizationScoped || granted.has(name),
      isNew: typed && name === search,
    }))
    .toSorted((a, b) => (kind === "grant" ? 0 : Number(b.isGranted) - Number(a.isGranted)));
}
