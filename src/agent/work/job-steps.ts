import { join } from "node:path";
import { abortable, linkSignals, together } from "../../lib/async/abort.ts";
import { stat, touch } from "../../lib/fs/at-once.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import { terraformEnvironment } from "../../terraform/engines/environment.ts";
import type { ApplyWords } from "../../terraform/output/apply-words.ts";
import type { TerraformEvent } from "../../terraform/output/events.ts";
import { defaultInitPatienceMs, defaultPlanPatienceMs } from "../contract/config.ts";
import { removeFile, removeTree } from "../disk/durable-files.ts";
import { type ReadyJob, secureInputs } from "../jobs/files.ts";
import { type AgentJob, idsOf } from "../jobs/job.ts";
import type { JobLog } from "../jobs/log.ts";
import type { InterruptHold } from "../steps/interrupt-hold.ts";
import type { LeftProcess } from "../steps/left-behind.ts";
import { readBootId } from "../steps/process-identity.ts";
import type { Step, StepOutcome } from "../steps/step-process.ts";
import { readHookValues, valuesIn } from "./hooks/hook-values.ts";
import { hookPatienceMs, hookStep, outsideEnvironment, type StepHook } from "./hooks/step-hook.ts";
import { jot, note, noteIfPossible } from "./job-notes.ts";
import type { JobPlace } from "./job-place.ts";
import type { GivenInputs } from "./job-variables.ts";
import { placeProviders, providerEnvironment } from "./providers/place-providers.ts";
import type { JobContext } from "./services.ts";
import { sharedStatesIn, sharedStatesVariable } from "./states/shared-states.ts";

/**
 * What an apply that is ended by force gets to write its state after its first interrupt, and to end after its second
 * one.
 */
const writeMs = 5_000;
const endMs = 10_000;

/** What becomes of a step's output. */
export type StepOutput =
  | { readonly kind: "text" }
  | {
      readonly kind: "events";
      readonly observe: (event: TerraformEvent) => void;
      readonly words: Promise<ApplyWords>;
    }
  /** It is no part of the log, and holds secrets. */
  | { readonly kind: "hidden" };

export interface StepLimit {
  readonly ms: number;
  /** What the step is at, for people; asked for when its time is over, before it is ended. */
  readonly describe: () => Promise<string>;
}

export interface StepRequest {
  readonly name: string;
  /** Terraform's arguments; asked for only when the step is started, not when it is taken up. */
  readonly argv: () => Promise<readonly string[]> | readonly string[];
  readonly output: StepOutput;
  /** False for what only looks at what the job has made, and goes on when the job has left its place. */
  readonly isUrgent?: boolean | undefined;
  /** While it would forget its interrupt. */
  readonly hold?: InterruptHold | undefined;
  /** How long it may take, over restarts of the agent; absent is for ever. */
  readonly limit?: StepLimit | undefined;
  /** A program of the agent's operator, instead of terraform's. */
  readonly hook?: StepHook | undefined;
  /** Goes on beside it until the signal is aborted, and may add to its output. */
  readonly beside?: ((over: AbortSignal) => Promise<void>) | undefined;
}

export type StepEnd =
  | StepOutcome
  /** The job was canceled before the step was started. */
  | { readonly kind: "skipped" }
  /** The system could not start it. */
  | { readonly kind: "refused"; readonly why: string };

export interface JobStepsOptions {
  readonly job: AgentJob;
  readonly context: JobContext;
  readonly log: JobLog;
  readonly ready: ReadyJob;
  readonly variables: Promise<GivenInputs>;
  readonly place: JobPlace;
}

/**
 * Runs terraform, one step after the other. Each step is started at most once in the life of a job: a step that the journal
 * knows is adopted, or its end is read.
 */
export class JobSteps {
  readonly #options: JobStepsOptions;

  constructor(options: JobStepsOptions) {
    this.#options = options;
  }

  /** The file of a step's output. */
  outputPath(name: string): string {
    return join(this.#options.job.files.raw, `${name}.out`);
  }

  /** Starts a step or takes it up again, makes its output part of the log, and resolves when it has ended. */
  async run(request: StepRequest): Promise<StepEnd> {
    const { name, output } = request;
    const { job } = this.#options;
    const known = job.journal.ofStep("step_started", name) !== undefined;
    const begun = known ? await this.#adopt(request) : await this.#startAnew(request);
    if (begun.kind === "skipped" || begun.kind === "refused") return begun;
    const ended = begun.kind === "running" ? this.#untilEnd(request, begun.step) : Promise.resolve(begun);
    if (output.kind !== "hidden") this.#follow(name, output, ended);
    job.isStepRunning = true;
    const end = await ended.finally(() => {
      job.isStepRunning = false;
    });
    failpoint("agent.step-exited");
    await this.#endLeftBehind(name);
    await this.#record(name, end);
    if (end.kind === "lost") await this.#giveUp();
    return end;
  }

  /**
   * Nobody knows how a lost step has ended: a plan is tried again, elsewhere or here. An apply ends with what can be
   * said of it.
   */
  async #giveUp(): Promise<void> {
    const { job, context, log } = this.#options;
    log.resync();
    if (!job.isApply && !job.hasEnded && !job.journal.has("fenced")) await note(job, context, { kind: "fenced" });
  }

  /** Programs that a provisioner left behind would go on in the world, seen by nobody. */
  async #endLeftBehind(name: string): Promise<void> {
    const { job, context, log } = this.#options;
    const { ended: left } = await context.runtime.endLeftBehind(this.#dirOf(name), context.clock);
    const section = `${name}-left`;
    if (left.length > 0)
      context.log.warn({ ...idsOf(job), step: name, left }, "a step left processes behind: they are ended");
    // What was told is told again after a restart, in the same place.
    const isTold = await stat(join(job.files.raw, section)).then(
      () => true,
      () => false,
    );
    if (left.length > 0 || isTold) await log.say(section, () => leftText(left));
  }

  #follow(name: string, output: StepOutput, ended: Promise<unknown>): void {
    const path = this.outputPath(name);
    const events = output.kind === "events" ? { observe: output.observe, words: output.words } : {};
    this.#options.log.follow({ path, ended, ...events });
  }

  /** Takes up a step. One that the last process of this agent did not come to start is started now, except an apply. */
  async #adopt(request: StepRequest) {
    const { name } = request;
    await touch(this.outputPath(name));
    const adopted = await this.#options.context.runtime.adopt(this.#dirOf(name), this.#options.context.clock);
    if (adopted.kind !== "never-started") return adopted;
    if (await this.#isOfAnotherBoot(name)) return { kind: "lost", why: "the machine was restarted" } as const;
    if (name === "apply") return { kind: "lost", why: "the agent ended while it was starting it" } as const;
    await removeTree(this.#dirOf(name));
    return this.#start(request);
  }

  /** Beside the journal nothing of a step has to survive the machine: whether it was started there, nobody knows. */
  async #isOfAnotherBoot(name: string): Promise<boolean> {
    const boot = this.#options.job.journal.ofStep("step_started", name)?.boot;
    return boot !== undefined && boot !== (await readBootId());
  }

  /** The last process of this agent may have ended between the directory of a step and its line in the journal. */
  async #startAnew(request: StepRequest) {
    const { job, context } = this.#options;
    if (!job.isRestored) return this.#start(request);
    const dir = this.#dirOf(request.name);
    const found = await context.runtime.adopt(dir, context.clock);
    // It cannot be, and is not started a second time.
    if (found.kind !== "never-started") return found;
    await removeTree(dir);
    return this.#start(request);
  }

  async #start(request: StepRequest) {
    const { name, argv, hold, isUrgent, hook } = request;
    const { job, context, ready, place } = this.#options;
    const variables = await this.#untilWanted(hook);
    if (variables === undefined) return { kind: "skipped" } as const;
    const { readable } = await placeProviders({ job, place }, variables.providers);
    const program = hook?.path ?? ready.enginePath;
    const placed = place.command([program, ...(await argv())], [...readable, ...(hook?.readable ?? [])]);
    const inside = isUrgent === false && !placed.isSandboxed ? { ...placed, cwd: place.directory } : placed;
    const outside =
      hook?.outside === undefined ? undefined : { argv: [program], cwd: hook.outside, isSandboxed: false };
    const command = outside ?? inside;
    const env = await this.#environment(request, variables);
    await removeFile(this.outputPath(name));
    const isFirstOfApply = job.isApply && !job.journal.has("step_started");
    // A plan that a crash of the machine has ended is made again, whatever was written down of it.
    const write = job.isApply ? note : jot;
    const noted = Promise.all([
      write(job, context, { kind: "step_started", step: name, boot: await readBootId() }),
      isFirstOfApply ? secureInputs(job.files) : undefined,
    ]).then(() => failpoint("agent.step-noted"));
    const how = { dir: this.#dirOf(name), env, logFile: this.outputPath(name), hold, noted, isUrgent };
    const starting = context.runtime.start({ ...command, ...how }, context.clock);
    // Neither goes on alone.
    await Promise.allSettled([starting, noted]);
    await noted;
    const started = await starting;
    failpoint("agent.step-spawned");
    if (started.kind === "refused") return started;
    context.log.info({ ...idsOf(job), step: name }, "step started");
    return { kind: "running", step: started.step } as const;
  }

  /** Waits until a step may be started: the control plane wants it, and its variables are here. Undefined when canceled. */
  async #untilWanted(hook: StepHook | undefined): Promise<GivenInputs | undefined> {
    const { job, context, variables } = this.#options;
    // What is shown of a plan that was handed over is nobody's wish any more.
    if (job.hasEnded || hook?.runsAnyway === true) return abortable(variables, context.stopping);
    using until = linkSignals(context.stopping, job.canceled);
    try {
      await abortable(job.confirmed, until.signal);
      await job.freshness.untilFresh(until.signal);
      if (!job.isApply) await job.lease.untilValid(until.signal);
      const found = await abortable(variables, until.signal);
      return job.canceled.aborted ? undefined : found;
    } catch (error) {
      context.stopping.throwIfAborted();
      if (job.canceled.aborted) return undefined;
      throw error;
    }
  }

  /** What is hidden is read by this agent: no debug log stands among it. */
  async #environment(
    { output, hook }: StepRequest,
    { environment, providers }: GivenInputs,
  ): Promise<Record<string, string>> {
    const { job, context, place } = this.#options;
    const { runId, organization, workspace } = job.spec;
    const run = { runId, organization, workspace };
    if (hook?.outside !== undefined) return outsideEnvironment(context, run, { hook, at: hook.outside });
    const { maySet = [] } = context.config.hooks ?? {};
    const set = valuesIn(await readHookValues(job.files.hookValues));
    const fromNothing = terraformEnvironment({
      path: context.config.searchPath,
      home: join(place.seenWork, "home"),
      temporaryDirectory: join(place.seenWork, "tmp"),
      run,
      variables: [...environment, ...set.filter(({ name }) => !maySet.includes(name))],
      hookArguments: set.filter(({ name }) => maySet.includes(name)),
      isDebug: (job.spec.options?.debug ?? false) && output.kind !== "hidden",
      ...providerEnvironment(providers, place),
    });
    // Terraform believes PWD, so that it sees the same path on every agent and not where the link leads.
    const own = { [sharedStatesVariable]: sharedStatesIn(place.seenWork), PWD: place.seenDirectory };
    return { ...fromNothing, ...own, ...(await hook?.environment()) };
  }

  #dirOf(name: string): string {
    return join(this.#options.job.files.steps, name);
  }

  /** Lets wishes reach the step while it runs. */
  async #untilEnd({ name, limit, beside, hook }: StepRequest, step: Step): Promise<StepOutcome> {
    const { job, context } = this.#options;
    using over = linkSignals(context.stopping);
    // Each writes to the job's directory: none goes on when the step is over.
    const wishes: Promise<void>[] = [];
    const own = (wish: Promise<void>) => {
      const owned = wish.catch((error: unknown) => {
        if (error !== over.signal.reason) this.#failed(error);
      });
      wishes.push(owned);
      return owned;
    };
    const company = beside === undefined ? undefined : own(beside(over.signal));
    if (limit !== undefined) void own(this.#limit(name, step, { limit, over: over.signal }));
    const isWanted = hook?.runsAnyway === true ? new AbortController().signal : job.canceled;
    whenAborted(isWanted, over.signal, () => void own(this.#interrupt(name, step, over.signal)));
    whenAborted(job.forced, over.signal, () => void own(this.#force(name, step, over.signal)));
    if (!job.isApply) void own(this.#fence(name, step, over.signal));
    try {
      const outcome = await step.waitForExit(context.stopping);
      await step.forceStop();
      return outcome;
    } finally {
      over.abort();
      // Nothing is removed when the agent stops, and what looks after a process may take seconds.
      await (context.stopping.aborted ? company : Promise.all(wishes));
    }
  }

  /** Ends a step whose own time is over. */
  async #limit(
    name: string,
    step: Step,
    { limit, over }: { readonly limit: StepLimit; readonly over: AbortSignal },
  ): Promise<void> {
    const { job, context } = this.#options;
    const startedAt = job.journal.ofStep("step_started", name)?.at ?? context.clock.now().toISOString();
    const leftMs = Date.parse(startedAt) + limit.ms - context.clock.now().getTime();
    await context.clock.sleep(Math.max(0, leftMs), over).catch(() => {});
    if (over.aborted || (job.canceled.aborted && !name.startsWith(hookStep))) return;
    context.log.warn({ ...idsOf(job), step: name, limitMs: limit.ms }, "a step has used up its time: it is ended");
    if (job.journal.ofStep("step_timed_out", name) === undefined) {
      const detail = await limit.describe();
      await noteIfPossible(job, context, { kind: "step_timed_out", step: name, detail });
    }
    await this.#interrupt(name, step, over);
  }

  async #interrupt(name: string, step: Step, over: AbortSignal): Promise<void> {
    const { job, context } = this.#options;
    if (job.forced.aborted) return;
    await noteIfPossible(job, context, { kind: "step_interrupted", step: name });
    const asking = name.startsWith(hookStep) ? step.terminate() : step.interrupt(over);
    const interrupting = asking.then((outcome) =>
      context.log.info({ ...idsOf(job), step: name, outcome }, "step interrupted"),
    );
    await together(over, () => [interrupting, this.#forceAfterPatience(name, step, over)]);
  }

  async #forceAfterPatience(name: string, step: Step, over: AbortSignal): Promise<void> {
    const patienceMs = this.#patienceMs(name);
    if (patienceMs === undefined) return;
    await this.#options.context.clock.sleep(patienceMs, over).catch(() => {});
    if (!over.aborted) await this.#force(name, step, over);
  }

  /** How long a step may take to end after its interrupt; an apply may take for ever, an init loses nothing. */
  #patienceMs(name: string): number | undefined {
    const { planPatienceMs = defaultPlanPatienceMs, initPatienceMs = defaultInitPatienceMs } =
      this.#options.context.config;
    if (name.startsWith(hookStep)) return hookPatienceMs;
    if (name === "init") return initPatienceMs;
    return this.#options.job.isApply ? undefined : planPatienceMs;
  }

  /** A plan whose lease is over is tried elsewhere: it must not go on here. An apply does, whatever happens. */
  async #fence(name: string, step: Step, over: AbortSignal): Promise<void> {
    const { job, context } = this.#options;
    if (!job.journal.has("fenced")) {
      await job.lease.untilEnd(over).catch(() => {});
      if (over.aborted || job.canceled.aborted || job.hasEnded) return;
      context.log.warn(
        { ...idsOf(job), step: name },
        "the lease of a plan is over without a word from the control plane: it is ended",
      );
      await noteIfPossible(job, context, { kind: "fenced" });
    }
    await this.#interrupt(name, step, over);
  }

  /**
   * Before an apply is killed it is interrupted, so that it writes what it has not written yet (tofu writes its state
   * every 20 s, and at once after its first interrupt); a second interrupt lets it end by itself.
   */
  async #letWrite(step: Step, over: AbortSignal): Promise<void> {
    const { clock } = this.#options.context;
    if ((await step.interrupt(over)) === "sent") await clock.sleep(writeMs, over).catch(() => {});
    if (over.aborted || (await step.interruptAgain()) === "not-running") return;
    await clock.sleep(endMs, over).catch(() => {});
  }

  async #force(name: string, step: Step, over: AbortSignal): Promise<void> {
    const { job, context } = this.#options;
    await noteIfPossible(job, context, { kind: "step_forced", step: name });
    if (job.isApply && name === "apply") await this.#letWrite(step, over);
    // It has ended, or this agent ends: the next one goes on from here.
    if (over.aborted) return;
    const outcome = await step.forceStop();
    context.log.warn({ ...idsOf(job), step: name, outcome }, "step ended by force");
  }

  #failed(error: unknown): void {
    this.#options.context.log.error({ ...idsOf(this.#options.job), err: error }, "a wish could not reach its step");
  }

  async #record(name: string, end: StepOutcome): Promise<void> {
    const { job, context } = this.#options;
    if (job.journal.ofStep("step_ended", name) !== undefined) return;
    const exitCode = end.kind === "exited" ? end.code : null;
    await jot(job, context, { kind: "step_ended", step: name, exitCode });
  }
}

const leftText = (left: readonly LeftProcess[]): string =>
  `\nWindlass: these processes had been left running and were ended: ${shownLeft(left)}. What is to go on has to be started by the machine's own services.\n`;

const mostShown = 10;

function shownLeft(left: readonly LeftProcess[]): string {
  const shown = left.slice(0, mostShown).map(({ name, pid }) => `${name} (process ${pid})`);
  return [...shown, ...(left.length > mostShown ? [`${left.length - mostShown} more`] : [])].join(", ");
}

/** Calls back once when the signal is aborted, at once if it is already; not any more once `over` is aborted. */
function whenAborted(signal: AbortSignal, over: AbortSignal, callback: () => void): void {
  if (signal.aborted) callback();
  else signal.addEventListener("abort", callback, { once: true, signal: over });
}
