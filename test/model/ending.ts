import { join } from "node:path";
import { confirmRun, discardRun } from "../../src/control/runs/decisions.ts";
import { resolveRun } from "../../src/control/runs/resolution.ts";
import { getRun } from "../../src/control/runs/runs.ts";
import type { Person } from "../../src/domain/people/principal.ts";
import { newestOf } from "../../src/domain/runs/job.ts";
import { isFinal, type Run } from "../../src/domain/runs/run.ts";
import { isWindlassError } from "../../src/lib/words/errors.ts";
import type { JobId, RunId } from "../../src/lib/words/ids.ts";
import type { ControlPlane } from "./control-plane.ts";
import { contentOf, listing, sha256Of, storedLog, Violation } from "./ledger.ts";
import type { ModelAgent } from "./model-agent.ts";
import type { TerraformProcess } from "./terraform.ts";
import type { World } from "./world.ts";

/** Rounds until nobody can still be waiting for a time-out: the first ones are short, the later ones long. */
const shortRounds = 8;
const maxRounds = 44;

/** Heals everything, lets time pass, and checks what then must be so. */
export async function end(world: World, person: Person): Promise<void> {
  await heal(world);
  await untilCalm(world);
  await checkRuns(world, person);
  await decide(world, person);
  await decideSaved(world, person);
  await untilCalm(world);
  await checkDecided(world);
  if (world.server !== undefined) {
    await world.ledger.checkSnapshots(world.server);
    world.ledger.lookAgain();
    world.ledger.checkLogs(world.server);
    await checkEvidence(world, world.server);
    await checkAgents(world);
    await checkInterrupts(world, world.server);
  }
}

async function heal(world: World): Promise<void> {
  world.forgetFates();
  await world.startServer();
  await world.renewToken();
  for (const agent of world.agents) {
    world.openRoad(agent);
    agent.hasEngine = true;
    if (agent.name === "clone") await agent.wipe({ keepsIncarnation: false, endsPrograms: true });
    else await world.startAgent(agent);
  }
}

/** Time goes on until nothing more is to be expected. */
async function untilCalm(world: World): Promise<void> {
  for (let round = 0; round < maxRounds; round++) {
    // In the first round terraform is still at work: what is wanted of it can reach it.
    for (const process of round === 0 ? [] : world.processes) process.end(process.subcommand === "plan" ? 2 : 0);
    await world.clock.advance(round < shortRounds ? 5_000 : 30_000);
    await world.housekeeping();
    for (const agent of world.agents) if (agent.name !== "clone") await world.startAgent(agent);
    await world.check();
    if (await isCalm(world)) return;
  }
}

async function isCalm(world: World): Promise<boolean> {
  const lock = (await world.workspace())?.lock;
  const holder = lock?.kind === "run" ? lock.runId : undefined;
  const runs = await world.runs();
  const isBlocked = runs.some((run) => run.id === holder && isFinal(run.status));
  const isDone = runs.every(
    (run) => isFinal(run.status) || (isBlocked && run.status === "pending") || isForAPerson(run),
  );
  const isQuiet = isDone && world.processes.every(({ isAlive }) => !isAlive);
  return isQuiet && heldJobs(world).length === 0 && (await unseated(world)).length === 0;
}

/** A saved plan waits for a person, and keeps nobody waiting. */
const isForAPerson = ({ status, options }: Run): boolean => status === "planned" && options.isSavedPlan === true;

/** The agents that run and of which the server does not know that they are connected. */
async function unseated({ server, agents }: World): Promise<readonly ModelAgent[]> {
  const ids = server?.control.presence.all().map(({ agentId }) => agentId) ?? [];
  // Not by their names: a copy may have brought another one.
  const seated = (await server?.rows.read((q) => q.agents.byIds(ids)))?.map(({ incarnation }) => incarnation);
  return agents.slice(0, 2).filter(({ dataDir }) => !seated?.includes(contentOf(join(dataDir, "incarnation")).trim()));
}

/** Jobs that agents still want to tell something of. */
function heldJobs(world: World): readonly string[] {
  return world.agents.flatMap(({ name, dataDir, isRunning }) =>
    name === "clone" && !isRunning
      ? []
      : listing(join(dataDir, "jobs"))
          .filter((key) => !contentOf(join(dataDir, "jobs", key, "journal")).includes('"kind":"kept"'))
          .map((key) => `${name}/${key}`),
  );
}

/** I7: every run has ended, or says what it waits for. */
async function checkRuns(world: World, person: Person): Promise<void> {
  if (world.server === undefined) return;
  for (const run of await world.runs()) {
    if (isFinal(run.status)) continue;
    const { waiting } = await getRun(world.server.control, person, run.id);
    if (waiting === null) throw new Violation("I7", `${run.id} is ${run.status} and does not say what it waits for`);
    if (isForAPerson(run) && waiting.reason === "confirmation") continue;
    if (waiting.reason !== "earlier_run")
      throw new Violation("I7", `${run.id} is ${run.status} with everything healed: ${waiting.detail}`);
  }
}

/** A person unlocks what only a person may. */
async function decide(world: World, person: Person): Promise<void> {
  const lock = (await world.workspace())?.lock;
  if (world.server === undefined || lock?.kind !== "run") return;
  await mustNeedAPerson(world, world.server, lock.runId);
  await resolveRun(world.server.control, person, { id: lock.runId, resolution: "unlock", comment: "" });
}

/** A person lets each saved plan apply or, where that is refused, discards it. */
async function decideSaved(world: World, person: Person): Promise<void> {
  for (const { id } of await world.runs()) {
    const run = (await world.runs()).find((one) => one.id === id);
    if (world.server === undefined || run === undefined || !isForAPerson(run)) continue;
    const { control } = world.server;
    const refusal = await confirmRun(control, person, { id, planSha256: "", comment: "" }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal === undefined) await untilCalm(world);
    else if (isWindlassError(refusal)) await discardRun(control, person, { id, comment: "" });
    else throw refusal;
  }
}

/**
 * The lock outlives a run only when its last state is aside, or its apply was lost and the agent could not bring
 * everything.
 */
async function mustNeedAPerson(world: World, server: ControlPlane, runId: RunId): Promise<void> {
  const jobs = await server.rows.read((q) => q.jobs.ofRun(runId));
  const apply = newestOf(jobs, "apply");
  const newest = apply === undefined ? undefined : await server.rows.read((q) => q.states.newestOfJob(apply.id));
  if (newest?.status === "quarantined") return;
  if (apply?.status !== "interrupted")
    throw new Violation(
      "I2",
      `${runId} has ended, its apply is ${apply?.status ?? "absent"}, and it holds the workspace`,
    );
  if (apply.isLogClosed && !world.ledger.hasLostDisk(`${apply.id}-${apply.epoch}`))
    throw new Violation("I7", `${runId}: all evidence is here, and the workspace is still locked`);
}

async function checkDecided(world: World): Promise<void> {
  const open = (await world.runs()).filter(({ status }) => !isFinal(status));
  for (const run of open)
    throw new Violation("I7", `${run.id} is ${run.status} after everything was healed and decided`);
}

/** Every agent is connected once, and has told everything. */
async function checkAgents(world: World): Promise<void> {
  const held = heldJobs(world);
  if (held.length > 0) throw new Violation("I7", `agents still hold ${held.join(", ")}`);
  for (const { name } of await unseated(world))
    throw new Violation("I17", `agent ${name} runs, and nobody knows that it is connected`);
}

/** The programs that print numbered lines. */
const printing: ReadonlySet<string> = new Set(["plan", "apply"]);

/** What a claim's programs did, against what the control plane has of it. Lost disks are excused. */
async function checkEvidence(world: World, server: ControlPlane): Promise<void> {
  for (const process of world.processes) {
    const [, jobId = "", epoch = ""] = /jobs\/([^/]+)-(\d+)\/steps/.exec(process.dir) ?? [];
    const stream = `${jobId}/${epoch}`;
    const isOnDisk = !world.ledger.hasLostDisk(`${jobId}-${epoch}`);
    const log = server.logFile.readNow(stream, 0, 0).end.kind;
    if (printing.has(process.subcommand) && log === "sealed") checkLines(process, server, stream);
    if (process.subcommand !== "apply" || !isOnDisk) continue;
    if (log !== "sealed") throw new Violation("I3", `${stream}: its agent came back, and its log ends ${log}`);
    await checkLastState(process, server, jobId as JobId);
    await checkBelief(process, server, jobId as JobId);
  }
}

/** I3, I4: a log that was sealed has every numbered line of its program once and in order. */
function checkLines({ lines }: TerraformProcess, { logFile }: ControlPlane, stream: string): void {
  const text = storedLog(logFile, stream).toString("utf8");
  const numbers = [...text.matchAll(/^line (\d+) of/gm)].map((match) => Number(match[1]));
  const isInOrder = numbers.every((number, index) => number === index + 1);
  if (!isInOrder || numbers.length !== lines)
    throw new Violation("I3", `${stream}: ${lines} lines were printed, the sealed log has ${numbers.length}`);
}

/** I10: the state with which an apply ended by itself is stored, be it aside; one that it was given is there already. */
async function checkLastState(
  { outcome, saved, given }: TerraformProcess,
  { rows }: ControlPlane,
  id: JobId,
): Promise<void> {
  if (outcome?.kind !== "exited") return;
  const newest = await rows.read((q) => q.states.newestOfJob(id));
  const isUnchanged = newest === undefined && (saved ?? given) === given;
  if (!isUnchanged && newest?.sha256 !== sha256Of(saved ?? ""))
    throw new Violation("I10", `${id} ended with another state than the store has: serial ${newest?.serial ?? "none"}`);
}

/** I18: an apply that terraform ended well is applied, with that state; unless its agent was lost or is not believed. */
async function checkBelief({ outcome }: TerraformProcess, { rows }: ControlPlane, id: JobId): Promise<void> {
  if (outcome?.kind !== "exited" || outcome.code !== 0) return;
  const { job, newest } = await rows.read(async (q) => ({
    job: await q.jobs.get(id),
    newest: await q.states.newestOfJob(id),
  }));
  if (job === undefined || job.status === "interrupted" || job.distrustedBy !== null) return;
  if (newest?.status === "quarantined")
    throw new Violation("I18", `${id}: terraform ended well, and its state is aside: ${newest.quarantineReason}`);
  if (job.status === "errored")
    throw new Violation("I18", `${id}: terraform ended well, and the run says: ${job.errorMessage}`);
}

/**
 * I9: an apply is interrupted once, and only when a person asked for it: by a cancel, or by a revocation that stops
 * jobs.
 */
async function checkInterrupts({ processes }: World, { rows }: ControlPlane): Promise<void> {
  for (const { subcommand, runId, interrupts } of processes) {
    if (subcommand !== "apply" || interrupts === 0) continue;
    if (interrupts > 1) throw new Violation("I9", `${runId} was interrupted ${interrupts} times`);
    const jobs = await rows.read((q) => q.jobs.ofRun(runId as RunId));
    const isAskedFor = jobs.some(
      (job) => job.phase === "apply" && (job.cancelRequestedAt !== null || job.distrustedBy !== null),
    );
    if (!isAskedFor) throw new Violation("I9", `${runId} was interrupted by nobody`);
  }
}
