import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import type { RunId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";

/** A workspace as its readers see it. */
export interface WorkspaceView {
  readonly workspace: Workspace;
  readonly organizationName: string;
  /** Empty unless it is assigned to a pool. */
  readonly poolName: string;
  /** The run that holds the workspace or, if none does, its newest run. */
  readonly currentRunId: RunId | null;
}

/** Reads what belongs to a workspace. */
export async function viewWorkspace(q: Queries, workspace: Workspace): Promise<WorkspaceView> {
  const [view] = await viewWorkspaces(q, [workspace]);
  if (view === undefined) throw new WindlassError("internal", `the workspace ${workspace.id} has no view`);
  return view;
}

/** Reads what belongs to workspaces of one organization, in their order. */
export async function viewWorkspaces(q: Queries, rows: readonly Workspace[]): Promise<readonly WorkspaceView[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const organizationName = (await q.organizations.get(first.organizationId))?.name ?? "";
  const pools = new Map<string, string>();
  const views: WorkspaceView[] = [];
  for (const workspace of rows) {
    const { poolId, lock } = workspace;
    const poolName = poolId === null ? "" : (pools.get(poolId) ?? (await q.pools.get(poolId))?.name ?? "");
    if (poolId !== null) pools.set(poolId, poolName);
    const currentRunId = lock?.kind === "run" ? lock.runId : ((await q.runs.newest(workspace.id))?.id ?? null);
    views.push({ workspace, organizationName, poolName, currentRunId });
  }
  return views;
}
