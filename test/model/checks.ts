import { isEnded, type Job } from "../../src/domain/runs/job.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import type { Queries } from "../../src/store/ports/store.ts";
import type { ControlPlane } from "./control-plane.ts";
import { Violation } from "./ledger.ts";
import type { World } from "./world.ts";

/** I2: a run that is at work holds the workspace, and so does one of which a person has to decide. */
export async function checkWorkspace({ storage, runIds }: World, { rows }: ControlPlane): Promise<void> {
  const { lock, runs, doubtful } = await rows.read(async (q) => {
    const runs = await q.runs.byIds(runIds);
    const workspace = await q.workspaces.get(storage.workspaceId);
    return { lock: workspace?.lock, runs, doubtful: await doubtfulApplies(q, runs) };
  });
  const holder = lock?.kind === "run" ? lock.runId : undefined;
  const atWork = runs.filter(({ status }) => working.has(status));
  for (const run of atWork)
    if (holder !== run.id) throw new Violation("I2", `${run.id} is ${run.status} and does not hold the workspace`);
  if (atWork.length > 1) throw new Violation("I2", `${atWork.length} runs are at work in one workspace`);
  for (const { runId, status } of doubtful)
    if (holder !== runId)
      throw new Violation("I2", `nobody has decided about the ${status} apply of ${runId}, and the workspace is free`);
}

/**
 * Applies that were lost and of which not everything has come, or whose last state is aside. Automatic applies are
 * decided by nobody.
 */
async function doubtfulApplies(q: Queries, runs: readonly Run[]): Promise<readonly Job[]> {
  const open = runs.filter(({ decidedBy }) => decidedBy === "").map(({ id }) => id);
  const doubtful: Job[] = [];
  for (const job of (await q.jobs.ofRuns(open)).filter(({ phase, status }) => phase === "apply" && isEnded(status))) {
    const isLost = job.status === "interrupted" && !job.isLogClosed;
    if (isLost || (await q.states.newestOfJob(job.id))?.status === "quarantined") doubtful.push(job);
  }
  return doubtful;
}

const working: ReadonlySet<Run["status"]> = new Set(["plan_queued", "planning", "planned", "apply_queued", "applying"]);

/** I17: of all streams of one identity the server serves one. */
export function checkSessions({ agents, server }: World): void {
  const open = agents
    .flatMap((agent) => agent.line?.wires ?? [])
    .filter((wire) => wire.isOpenAtServer && wire.server === server && wire.sessionEpoch > 0n);
  for (const [incarnation, wires] of Map.groupBy(open, (wire) => wire.incarnation))
    if (wires.length > 1)
      throw new Violation("I17", `${wires.length} streams of the identity ${incarnation} are served at once`);
}
