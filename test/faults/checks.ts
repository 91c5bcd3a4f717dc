import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Run, RunPhase, RunState, RunStateSchema } from "../../src/gen/windlass/v1/run_pb.ts";
import { StateStatus, type StateVersion } from "../../src/gen/windlass/v1/state_pb.ts";
import { isFinal } from "../support/api.ts";
import { slowLines } from "../support/slow-lines.ts";
import type { Cluster } from "./cluster.ts";
import { type FakePlan, printed } from "./fake-plan.ts";
import type { FaultRun } from "./fault-run.ts";
import { livingTerraforms } from "./faults.ts";
import { persistently } from "./persist.ts";

/** What has been found out about the runs of a cluster that has healed and come to rest. */
export interface Findings {
  /** Broken promises, one sentence each. */
  readonly violations: readonly string[];
  /** Runs that ended although their agent was lost during the apply. */
  readonly interrupted: number;
  /** Serials that a newer one of the same run replaced before they were uploaded. */
  readonly superseded: number;
  /** Runs whose terraform was ended by the system and whose last serial nobody could read whole. */
  readonly doubleFaults: number;
  readonly logBytes: number;
}

/** Terraforms that the schedule itself ended. */
export type EndedByUs = ReadonlySet<number>;

type Complain = (what: string) => void;

interface Look {
  readonly cluster: Cluster;
  readonly subject: FaultRun;
  readonly run: Run;
  readonly endedByUs: EndedByUs;
  readonly complain: Complain;
}

/** Checks every promise about every run. */
export async function checkAll(cluster: Cluster, runs: readonly FaultRun[], endedByUs: EndedByUs): Promise<Findings> {
  const violations: string[] = [];
  const sums = { interrupted: 0, superseded: 0, doubleFaults: 0, logBytes: 0 };
  for (const subject of runs) {
    const run = await persistently(() => cluster.api.run(subject.id));
    const complain = (what: string) => void violations.push(`${subject.id} (${nameOf(run)}): ${what}`);
    const look: Look = { cluster, subject, run, endedByUs, complain };
    await checkExecutions(look);
    if (!isFinal(run)) complain(`has not ended; it waits for ${run.waiting?.detail ?? "nothing it could name"}`);
    if (isInterrupted(run)) sums.interrupted++;
    sums.logBytes += await checkLogs(look);
    const states = await checkStates(look);
    sums.superseded += states.superseded;
    sums.doubleFaults += states.doubleFault ? 1 : 0;
    await checkFinished(look);
    await checkEnd(look);
  }
  violations.push(...(await leftovers(cluster)));
  return { violations, ...sums };
}

/** The name of a run's state. */
export const stateName = ({ state }: Run): string => RunStateSchema.value[state]?.localName ?? String(state);

const nameOf = (run: Run): string => `${stateName(run)}${run.errorMessage === "" ? "" : `: ${run.errorMessage}`}`;

const isInterrupted = (run: Run): boolean => run.errorMessage.includes("was lost during the apply");

/** At most one apply; a plan at most twice; one interrupt a canceled execution, and none without a cancel. */
async function checkExecutions({ cluster: { engine }, subject, complain }: Look): Promise<void> {
  const [plans, applies] = [await engine.executions(subject.id, "plan"), await engine.executions(subject.id, "apply")];
  if (applies.length > 1) complain(`terraform apply was executed ${applies.length} times`);
  if (plans.length > 2) complain(`terraform plan was executed ${plans.length} times`);
  const interrupts = await engine.signals(subject.id, "apply");
  if (interrupts.length > (subject.cancelMs === undefined ? 0 : 1)) complain(`apply got ${interrupts.join(", ")}`);
  const inPlan = await engine.signals(subject.id, "plan");
  if (inPlan.length > plans.length || inPlan.includes("TERM")) complain(`plan got ${inPlan.join(", ")}`);
}

async function checkLogs(look: Look): Promise<number> {
  const bytes = [await checkLog(look, "plan"), await checkLog(look, "apply")];
  return bytes.reduce((sum, count) => sum + count, 0);
}

/** The stored log is complete, and its part that terraform printed is byte for byte what it printed. */
async function checkLog(look: Look, verb: "plan" | "apply"): Promise<number> {
  const { cluster, subject, run, complain } = look;
  const phase = verb === "plan" ? run.plan : run.apply;
  if (phase === undefined || phase.epoch === 0n) return 0;
  const which = verb === "plan" ? RunPhase.PLAN : RunPhase.APPLY;
  const { text, bytes, missingBytes } = await persistently(() => cluster.api.log(subject.id, which, false));
  const isGivenUp = verb === "plan" && (phase.startTime === undefined || !phase.logComplete) && hasLostPlan(run);
  if (isFinal(run) && phase.startTime !== undefined && !phase.logComplete && !isGivenUp)
    complain(`the log of its ${verb} is not complete`);
  if (missingBytes !== 0) complain(`the log of its ${verb} misses ${missingBytes} bytes`);
  const body = bodyOf(text);
  if (body === undefined) complain(`the log of its ${verb} has no heading: ${JSON.stringify(text.slice(0, 200))}`);
  else if (subject.subject.kind === "fake")
    await checkFakeLog(look, { verb, body, plan: subject.subject.plan, isGivenUp });
  else if (verb === "apply" && subject.subject.kind === "slow") checkSlowLog(look, body, subject.subject.sleepers);
  return bytes.length;
}

/**
 * A plan that went back to the queue and was canceled there has no log; one whose agent fenced it, and that was
 * canceled or lost twice, is closed with a visible gap by the sweeper ten minutes later.
 */
const hasLostPlan = (run: Run): boolean =>
  run.state === RunState.CANCELED || run.errorMessage.includes("agents were lost while they planned");

/** A log without the lines that the agent put around those of terraform; an empty one has none. */
function bodyOf(text: string): string | undefined {
  if (text === "") return "";
  const headed = /^Windlass: (?:plan|apply) of run \S+, agent \S+ on \S+, terraform \S+ \(\w+\)\n\n/.exec(text);
  return headed === null ? undefined : text.slice(headed[0].length).replace(/(?:\nWindlass: [^\n]*\n)+$/, "");
}

interface FakeLog {
  readonly verb: "plan" | "apply";
  readonly body: string;
  readonly plan: FakePlan;
  readonly isGivenUp: boolean;
}

async function checkFakeLog(look: Look, { verb, body, plan, isGivenUp }: FakeLog): Promise<void> {
  const { cluster, subject, run, endedByUs, complain } = look;
  const pids = await cluster.engine.executions(subject.id, verb);
  const endings = await cluster.engine.endings(subject.id, verb);
  const possible = endings.map(
    ({ exitCode, lines }) => printed(plan, subject.id, { verb, lines }) + lastWords(exitCode, plan, lines),
  );
  const total = verb === "plan" ? plan.planLines : plan.applyLines;
  const all = printed(plan, subject.id, { verb, lines: total });
  if (pids.length === 0 && body !== "") complain(`its ${verb} was never executed, but has a log`);
  if (pids.length === 0 || possible.includes(body) || (isGivenUp && all.startsWith(body))) return;
  // An earlier claim was executed, and this one, whose log is shown, was not.
  if (body === "" && Number(run[verb]?.epoch) > pids.length) return;
  // The shell around a step says that somebody ended it.
  const rest = body.replace(/Killed\n$/, "");
  const isCutOff = pids.some((pid) => endedByUs.has(pid)) || endings.length < pids.length;
  if (isCutOff && [all, ...possible].some((text) => text.startsWith(rest))) {
    const wasEndedByUs = pids.some((pid) => endedByUs.has(pid));
    if (!wasEndedByUs && isFinal(run)) complain(`its ${verb} was ended by somebody else than this test`);
    return;
  }
  const expected = possible.at(-1) ?? all;
  const at = [...body].findIndex((letter, index) => letter !== expected[index]);
  const near = JSON.stringify(body.slice(Math.max(0, at - 80), at + 80));
  const facts = `${pids.length} executions, endings ${JSON.stringify(endings)}, epoch ${run[verb]?.epoch}`;
  complain(
    `the log of its ${verb} is not what was printed: ${body.length} instead of ${expected.length} letters, the first difference at ${at}: ${near} (${facts})`,
  );
}

function lastWords(exitCode: number, { mode, applyLines }: FakePlan, lines: number): string {
  if (exitCode !== 1) return "";
  return mode === "fail" && lines >= Math.floor(applyLines / 2) ? "failed\n" : "interrupted\n";
}

/** Each line of each sleeper stands in the log once and in order. */
function checkSlowLog({ complain }: Look, body: string, sleepers: number): void {
  for (let sleeper = 0; sleeper < sleepers; sleeper++) {
    const lines = slowLines(body, sleeper);
    if (lines.some((second, index) => second !== index + 1))
      complain(`lines of sleeper ${sleeper}: ${lines.join(" ")}`);
  }
}

/**
 * The last state that was whole on the disk is in the store or aside, and what an applied run ended with is the
 * workspace's.
 */
async function checkStates(look: Look): Promise<{ readonly superseded: number; readonly doubleFault: boolean }> {
  const { cluster, subject, run, endedByUs, complain } = look;
  const written = await cluster.engine.states(subject.id);
  const list = (quarantined: boolean) =>
    persistently(
      async () =>
        (await cluster.api.clients.states.listStateVersions({ workspace: subject.workspace, quarantined }))
          .stateVersions,
    );
  const [kept, aside] = [await list(false), await list(true)];
  const stored = new Set([...kept, ...aside].map(({ sha256 }) => sha256));
  const newest = written.findLastIndex(({ sha256 }) => stored.has(sha256));
  const lost = written.slice(newest + 1);
  const wasEndedByUs = (await cluster.engine.executions(subject.id, "apply")).some((pid) => endedByUs.has(pid));
  const doubleFault = lost.length > 0 && wasEndedByUs;
  if (lost.length > 0 && !doubleFault) {
    complain(`states with the serials ${lost.map(({ serial }) => serial).join(", ")} were on the disk and are nowhere`);
  }
  const current = kept.find(({ status }) => status === StateStatus.CURRENT);
  const last = written.at(-1);
  if (run.state === RunState.APPLIED && last !== undefined && current?.sha256 !== last.sha256)
    complain(`ended with serial ${last.serial}, and serial ${current?.serial ?? "none"} is the workspace's`);
  checkSerials(look, kept);
  const superseded = written.slice(0, Math.max(0, newest)).filter(({ sha256 }) => !stored.has(sha256)).length;
  return { superseded, doubleFault };
}

const awaitsDecision = ({ lost }: Run): boolean => lost.some(({ action }) => action !== "delete");

/** What terraform said it had made is in the workspace's state, or the run says that it is not. */
async function checkFinished({ cluster, subject, run, complain }: Look): Promise<void> {
  const finished = await cluster.engine.finished(subject.id);
  if (!isFinal(run) || finished.size === 0) return;
  const { currentStateVersionId } = await persistently(() => cluster.api.getWorkspace(subject.workspace));
  const state =
    currentStateVersionId === "" ? "" : JSON.stringify(await persistently(() => cluster.api.state(subject.workspace)));
  const listed = new Set(run.lost.map(({ address, id }) => `${address} ${id}`));
  const nowhere = [...finished].filter(
    ([address, id]) => !listed.has(`${address} ${id}`) && !state.includes(`"${id}"`),
  );
  if (nowhere.length > 0)
    complain(`neither in the state nor listed: ${nowhere.map(([address]) => address).join(", ")}`);
  const twice = [...finished].filter(([address, id]) => listed.has(`${address} ${id}`) && state.includes(`"${id}"`));
  if (twice.length > 0) complain(`in the state, and listed: ${twice.map(([address]) => address).join(", ")}`);
}

/** Where each state has a serial of its own, none is stored twice. */
function checkSerials({ subject: { subject }, complain }: Look, kept: readonly StateVersion[]): void {
  if (subject.kind !== "fake" || subject.plan.saves !== "rise") return;
  const serials = kept.map(({ serial }) => Number(serial));
  if (new Set(serials).size !== serials.length) complain(`a serial is stored twice: ${serials.join(", ")}`);
}

/** Why a run may end in error here: anything else is a fault of ours. */
const knownErrors = [
  /was lost during the apply/,
  /agents were lost while they planned/,
  /terraform (plan|show|apply) failed/,
  /terraform (plan|show|apply) was ended by SIGKILL/,
  // The agent ended between its journal and the start: whether terraform ran cannot be known, so it is not tried again.
  /terraform apply was ended without a status/,
];

/** The run ended as its terraform did, and the workspace is free again. */
async function checkEnd({ cluster, subject, run, complain }: Look): Promise<void> {
  const isKnown = knownErrors.some((known) => known.test(run.errorMessage));
  if (run.state === RunState.ERRORED && !isKnown) complain("ended in error for no fault of its terraform");
  const [ending] = await cluster.engine.endings(subject.id, "apply");
  const isApplied = run.state === RunState.APPLIED;
  if (subject.subject.kind === "fake") {
    if (isApplied && ending?.exitCode !== 0) complain(`is applied, but terraform ended with ${ending?.exitCode}`);
    if (ending?.exitCode === 0 && !isApplied && !isInterrupted(run)) complain("terraform applied everything");
  }
  if (await cluster.engine.missesFiles(subject.id)) complain("its apply did not have the file that its plan made");
  const { lock } = await persistently(() => cluster.api.getWorkspace(subject.workspace));
  const awaits = awaitsDecision(run);
  if (isFinal(run) && lock !== undefined && !awaits) complain(`has ended, and its workspace is still locked`);
  if (isFinal(run) && lock === undefined && awaits) complain("has lost what it made, and its workspace is free");
  const { runs } = await persistently(() => cluster.api.clients.runs.listRuns({ workspace: subject.workspace }));
  if (runs.length !== 1) complain(`its workspace has ${runs.length} runs`);
}

/** No process, no work link and no job directory is left. */
async function leftovers(cluster: Cluster): Promise<readonly string[]> {
  const living = await livingTerraforms(cluster);
  const found = living.map((pid) => `terraform ${pid} still runs`);
  for (const { dataDir, workDir, member } of cluster.agents) {
    found.push(...(await readdir(workDir).catch(() => [])).map((name) => `the work link ${name} is left`));
    for (const name of await jobDirectories(dataDir))
      found.push(`${member.name} still has ${name}: ${await contentOf(join(dataDir, "jobs", name))}`);
    for (const [line] of member.said().matchAll(/[^\n]*belonged to no job[^\n]*/g))
      found.push(`${member.name}: ${line}`);
  }
  for (const { member } of [...cluster.servers, ...cluster.agents]) found.push(...member.surprises);
  return found;
}

/** What tells where a directory comes from: the names in it, and what its job has written down. */
async function contentOf(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const journal = await readFile(join(directory, "journal"), "utf8").catch(() => "no journal");
  return `${names.slice(0, 100).join(" ")}\n${journal}`;
}

/** What an agent has not yet delivered. */
export const jobDirectories = (dataDir: string): Promise<readonly string[]> =>
  readdir(join(dataDir, "jobs")).catch(() => []);
