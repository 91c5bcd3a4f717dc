import type { RunStatus } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { RunId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";

/** A workspace as its readers see it. */
export interface WorkspaceView {
  readonly workspace: Workspace;
  readonly organizationName: string;
  /** Whether operators of its organization may delete it while it has state. */
  readonly allowsForceDelete: boolean;
  /** Empty unless it is assigned to a pool. */
  readonly poolName: string;
  /** The run that holds the workspace or, if none does, its newest run. */
  readonly currentRunId: RunId | null;
  /** Where that stands; null if there is none. */
  readonly currentRunStatus: RunStatus | null;
  /** Where the run that holds the workspace stands; null if none does. */
  readonly holderStatus: RunStatus | null;
  /** Names of workspaces that may read its outputs, sorted. */
  readonly consumers: readonly string[];
  /** How many runs wait for it. */
  readonly queuedRuns: number;
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
  const ids = rows.map(({ id }) => id);
  const organization = await q.organizations.get(first.organizationId);
  const of = {
    organizationName: organization?.name ?? "",
    allowsForceDelete: organization?.allowsForceDelete ?? false,
  };
  const consumers = Map.groupBy(await q.workspaces.consumers(ids), ({ workspaceId }) => workspaceId);
  const queued = new Map((await q.workspaces.queuedRuns(ids)).map(({ workspaceId, count }) => [workspaceId, count]));
  const pools = new Map<string, string>();
  const holding = rows.flatMap(({ lock }) => (lock?.kind === "run" ? [lock.runId] : []));
  const holders = new Map((await q.runs.byIds(holding)).map(({ id, status }) => [id, status]));
  const views: WorkspaceView[] = [];
  for (const workspace of rows) {
    const { id, poolId, lock } = workspace;
    const poolName = poolId === null ? "" : (pools.get(poolId) ?? (await q.pools.get(poolId))?.name ?? "");
    if (poolId !== null) pools.set(poolId, poolName);
    const holderStatus = (lock?.kind === "run" ? holders.get(lock.runId) : undefined) ?? null;
    const newest = lock?.kind === "run" ? undefined : await q.runs.newest(id);
    const currentRunId = lock?.kind === "run" ? lock.runId : (newest?.id ?? null);
    const currentRunStatus = holderStatus ?? newest?.status ?? null;
    const names = (consumers.get(id) ?? []).map(({ consumerName }) => consumerName);
    const queuedRuns = queued.get(id) ?? 0;
    views.push({
      workspace,
      ...of,
      poolName,
      currentRunId,
      currentRunStatus,
      holderStatus,
      consumers: names,
      queuedRuns,
    });
  }
  return views;
}
