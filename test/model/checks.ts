import { isEnded, type Job, newestOf } from "../../src/domain/runs/job.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import type { Queries } from "../../src/store/ports/store.ts";
import type { ControlPlane } from "./control-plane.ts";
import { Violation } from "./ledger.ts";
import type { TerraformProcess } from "./terraform.ts";
import type { World } from "./world.ts";

/** I2: a run that is at work holds the workspace, and so does one of which a person has to decide. */
export async function checkWorkspace({ storage, runIds }: World, { rows }: ControlPlane): Promise<void> {
  const { lock, runs, doubtful } = await rows.read(async (q) => {
    const runs = await q.runs.byIds(runIds);
    const workspace = await q.workspaces.get(storage.workspaceId);
    return { lock: workspace?.lock, runs, doubtful: await doubtfulApplies(q, runs) };
  });
  const holder = lock?.kind === "run" ? lock.runId : undefined;
  const early = runs.find(({ id, status, options }) => id === holder && options.isSavedPlan && planning.has(status));
  if (early !== undefined)
    throw new Violation("I2", `${early.id} is ${early.status}, its plan is saved, and it holds the workspace`);
  const atWork = runs.filter(
    ({ status, options }) => working.has(status) && !(options.isSavedPlan && planning.has(status)),
  );
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

const planning: ReadonlySet<Run["status"]> = new Set(["plan_queued", "planning", "planned"]);
const working: ReadonlySet<Run["status"]> = new Set([...planning, "apply_queued", "applying"]);

/** I36: a saved plan is applied to the state that it was made of. */
export async function checkSavedPlans({ processes, runIds }: World, { rows }: ControlPlane): Promise<void> {
  const saved = (await rows.read((q) => q.runs.byIds(runIds))).filter(({ options }) => options.isSavedPlan);
  for (const { id } of saved) {
    const apply = processes.findLast(({ subcommand, runId }) => subcommand === "apply" && runId === id);
    const plan = apply && newestOf(await rows.read((q) => q.jobs.ofRun(id)), "plan");
    const made = plan && processes.find((one) => one.subcommand === "plan" && isOf(one, plan));
    if (made === undefined || made.given === apply?.given) continue;
    throw new Violation("I36", `${id} was planned with ${serialIn(made)} and is applied to ${serialIn(apply)}`);
  }
}

const isOf = ({ dir }: TerraformProcess, { id, epoch }: Pick<Job, "id" | "epoch">): boolean =>
  dir.includes(`jobs/${id}-${epoch}/`);

const serialIn = (process: TerraformProcess | undefined): string => process?.given?.slice(0, 120) ?? "no state";

/** I17: of all streams of one identity the server serves one. */
export function checkSessions({ agents, server }: World): void {
  const open = agents
    .flatMap((agent) => agent.line?.wires ?? [])
    .filter((wire) => wire.isOpenAtServer && wire.server === server && wire.sessionEpoch > 0n);
  for (const [incarnation, wires] of Map.groupBy(open, (wire) => wire.incarnation))
    if (wires.length > 1)
      throw new Violation("I17", `${wires.length} streams of the identity ${incarnation} are served at once`);
}
