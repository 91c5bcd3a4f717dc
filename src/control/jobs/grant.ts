import { mayUse } from "../../domain/agents/pool.ts";
import type { Job } from "../../domain/runs/job.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import type { Queries } from "../../store/ports/store.ts";

/** Whether the pool that a job was queued for is still its workspace's, and may be used by it. */
export async function isGranted(q: Queries, job: Pick<Job, "workspaceId" | "poolId">): Promise<boolean> {
  const { workspaceId, poolId } = job;
  const [workspace, pool, grants] = await allSettled([
    q.workspaces.get(workspaceId),
    poolId === null ? undefined : q.pools.get(poolId),
    poolId === null ? [] : q.pools.grants(poolId),
  ]);
  if (workspace === undefined || workspace.poolId !== poolId) return false;
  return poolId === null || (pool !== undefined && mayUse(pool, new Set(grants), workspace));
}
