import { mayUse } from "../../domain/agents/pool.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Queries } from "../../store/ports/store.ts";

/** Whether the pool that a job was queued for is still its workspace's, and may be used by it. */
export async function isGranted(q: Queries, job: Pick<Job, "workspaceId" | "poolId">): Promise<boolean> {
  const workspace = await q.workspaces.get(job.workspaceId);
  if (workspace === undefined || workspace.poolId !== job.poolId) return false;
  if (job.poolId === null) return true;
  const pool = await q.pools.get(job.poolId);
  return pool !== undefined && mayUse(pool, new Set(await q.pools.grants(pool.id)), workspace);
}
