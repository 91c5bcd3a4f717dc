import type { Job } from "../../src/domain/job.ts";
import type { Run } from "../../src/domain/run.ts";
import type { ControlPlane } from "./control-plane.ts";
import { Violation } from "./ledger.ts";
import type { World } from "./world.ts";

/** I2: a run that is at work holds the workspace, and so does one whose apply was lost, until somebody knows what it did. */
export async function checkWorkspace(world: World, { rows }: ControlPlane): Promise<void> {
  const lock = (await world.workspace())?.lock;
  const holder = lock?.kind === "run" ? lock.runId : undefined;
  const runs = await world.runs();
  const atWork = runs.filter(({ status }) => working.has(status));
  for (const run of atWork)
    if (holder !== run.id) throw new Violation("I2", `${run.id} is ${run.status} and does not hold the workspace`);
  if (atWork.length > 1) throw new Violation("I2", `${atWork.length} runs are at work in one workspace`);
  const jobs = await rows.read((q) => q.jobs.ofRuns(runs.map(({ id }) => id)));
  for (const run of runs)
    if (holder !== run.id && isOutcomeUnknown(run, jobs))
      throw new Violation("I2", `nobody knows what the apply of ${run.id} did, and it does not hold the workspace`);
}

const working: ReadonlySet<Run["status"]> = new Set(["plan_queued", "planning", "planned", "apply_queued", "applying"]);

/** Its agent has not brought everything, and nobody has decided about it. Automatic applies are decided by nobody. */
const isOutcomeUnknown = (run: Run, jobs: readonly Job[]): boolean =>
  run.decidedBy === "" && jobs.some((job) => job.runId === run.id && job.status === "interrupted" && !job.isLogClosed);

/** I17: of all streams of one identity the server serves one. */
export function checkSessions({ agents, server }: World): void {
  const open = agents
    .flatMap((agent) => agent.line?.wires ?? [])
    .filter((wire) => wire.isOpenAtServer && wire.server === server && wire.sessionEpoch > 0n);
  for (const [incarnation, wires] of Map.groupBy(open, (wire) => wire.incarnation))
    if (wires.length > 1)
      throw new Violation("I17", `${wires.length} streams of the identity ${incarnation} are served at once`);
}
