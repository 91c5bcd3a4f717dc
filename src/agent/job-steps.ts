import { join } from "node:path";
import { abortable, linkSignals } from "../lib/abort.ts";
import { failpoint } from "../lib/failpoint.ts";
import { terraformEnvironment } from "../terraform/environment.ts";
import type { TerraformEvent } from "../terraform/events.ts";
import { defaultPlanPatienceMs } from "./agent-config.ts";
import { removeFile, removeTree, touch } from "./durable-files.ts";
import type { Site } from "./house.ts";
import type { Job } from "./job.ts";
import type { ReadyJob } from "./job-files.ts";
import type { JobLog } from "./job-log.ts";
import { idsOf, note, noteIfPossible } from "./job-notes.ts";
import type { JobPlace } from "./job-place.ts";
import type { JobVariables } from "./job-variables.ts";
import type { Step, StepOutcome } from "./steps/step-process.ts";

/** What becomes of a step's output. */
export type StepOutput =
  | { readonly kind: "text" }
  | { readonly kind: "events"; readonly observe: (event: TerraformEvent) => void }
  /** It is no part of the log, and holds secrets. */
  | { readonly kind: "hidden" };

export interface StepRequest {
  readonly name: string;
  /** Terraform's arguments; asked for only when the step is started, not when it is taken up. */
  readonly argv: () => Promise<readonly string[]> | readonly string[];
  readonly output: StepOutput;
}

export type StepEnd =
  | StepOutcome
  /** The job was canceled before the step was started. */
  | { readonly kind: "skipped" }
  /** The system could not start it. */
  | { readonly kind: "refused"; readonly why: string };

export interface JobStepsOptions {
  readonly job: Job;
  readonly site: Site;
  readonly log: JobLog;
  readonly ready: ReadyJob;
  readonly variables: Promise<JobVariables>;
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
  async run({ name, argv, output }: StepRequest): Promise<StepEnd> {
    const known = this.#options.job.journal.ofStep("step_started", name) !== undefined;
    const begun = known ? await this.#adopt(name, argv) : await this.#start(name, argv);
    if (begun.kind === "skipped" || begun.kind === "refused") return begun;
    const ended = begun.kind === "running" ? this.#untilEnd(name, begun.step) : Promise.resolve(begun);
    if (output.kind !== "hidden") this.#follow(name, output, ended);
    const end = await ended;
    failpoint("agent.step-exited");
    await this.#record(name, end);
    if (end.kind === "lost") await this.#giveUp();
    return end;
  }

  /** Nobody knows how a lost step has ended: a plan is tried again, elsewhere or here. An apply ends with what can be said of it. */
  async #giveUp(): Promise<void> {
    const { job, site, log } = this.#options;
    log.resync();
    if (!job.isApply && !job.journal.has("fenced")) await note(job, site, { kind: "fenced" });
  }

  #follow(name: string, output: StepOutput, ended: Promise<unknown>): void {
    const path = this.outputPath(name);
    this.#options.log.follow({ path, ended, ...(output.kind === "events" ? { observe: output.observe } : {}) });
  }

  /** Takes up a step. One that the last process of this agent did not come to start is started now, except an apply. */
  async #adopt(name: string, argv: StepRequest["argv"]) {
    await touch(this.outputPath(name));
    const adopted = await this.#options.site.machine.adopt(this.#dirOf(name), this.#options.site.clock);
    if (adopted.kind !== "never-started") return adopted;
    if (name === "apply") return { kind: "lost", why: "the agent ended while it was starting it" } as const;
    await removeTree(this.#dirOf(name));
    return this.#start(name, argv);
  }

  async #start(name: string, argv: StepRequest["argv"]) {
    const { job, site, ready, place } = this.#options;
    const variables = await this.#untilWanted();
    if (variables === undefined) return { kind: "skipped" } as const;
    const program = place.command([ready.enginePath, ...(await argv())]);
    const env = this.#environment(variables);
    await removeFile(this.outputPath(name));
    await note(job, site, { kind: "step_started", step: name });
    failpoint("agent.step-noted");
    const command = { ...program, dir: this.#dirOf(name), env, logFile: this.outputPath(name) };
    const started = await site.machine.start(command, site.clock);
    failpoint("agent.step-spawned");
    if (started.kind === "refused") return started;
    site.log.info({ ...idsOf(job), step: name }, "step started");
    return { kind: "running", step: started.step } as const;
  }

  /** Waits until a step may be started: the control plane wants it, and its variables are here. Undefined when canceled. */
  async #untilWanted(): Promise<JobVariables | undefined> {
    const { job, site, variables } = this.#options;
    using until = linkSignals(site.stopping, job.canceled);
    try {
      await abortable(job.confirmed, until.signal);
      await job.freshness.untilFresh(until.signal);
      if (!job.isApply) await job.lease.untilValid(until.signal);
      const found = await abortable(variables, until.signal);
      return job.canceled.aborted ? undefined : found;
    } catch (error) {
      site.stopping.throwIfAborted();
      if (job.canceled.aborted) return undefined;
      throw error;
    }
  }

  #environment({ environment }: JobVariables): Record<string, string> {
    const { job, site, place } = this.#options;
    const { runId, organization, workspace } = job.spec;
    const fromNothing = terraformEnvironment({
      path: site.config.searchPath,
      home: join(place.seenWork, "home"),
      temporaryDirectory: join(place.seenWork, "tmp"),
      run: { runId, organization, workspace },
      variables: environment,
    });
    // Terraform believes PWD, so that it sees the same path on every agent and not where the link leads.
    return { ...fromNothing, PWD: place.seenDirectory };
  }

  #dirOf(name: string): string {
    return join(this.#options.job.files.steps, name);
  }

  /** Lets wishes reach the step while it runs. */
  async #untilEnd(name: string, step: Step): Promise<StepOutcome> {
    const { job, site } = this.#options;
    using over = linkSignals(site.stopping);
    const onCancel = () => void this.#interrupt(name, step, over.signal).catch((error) => this.#failed(error));
    const onForce = () => void this.#force(name, step).catch((error) => this.#failed(error));
    whenAborted(job.canceled, over.signal, onCancel);
    whenAborted(job.forced, over.signal, onForce);
    if (!job.isApply) void this.#fence(name, step, over.signal).catch((error) => this.#failed(error));
    try {
      const outcome = await step.waitForExit(site.stopping);
      // Programs that a provisioner left behind would go on in the world, seen by nobody.
      await step.forceStop();
      return outcome;
    } finally {
      over.abort();
    }
  }

  async #interrupt(name: string, step: Step, over: AbortSignal): Promise<void> {
    const { job, site } = this.#options;
    if (job.forced.aborted) return;
    await noteIfPossible(job, site, { kind: "step_interrupted", step: name });
    const outcome = await step.interrupt();
    site.log.info({ ...idsOf(job), step: name, outcome }, "step interrupted");
    if (job.isApply) return;
    await site.clock.sleep(site.config.planPatienceMs ?? defaultPlanPatienceMs, over).catch(() => {});
    if (!over.aborted) await this.#force(name, step);
  }

  /** A plan whose lease is over is tried elsewhere: it must not go on here. An apply does, whatever happens. */
  async #fence(name: string, step: Step, over: AbortSignal): Promise<void> {
    const { job, site } = this.#options;
    if (!job.journal.has("fenced")) {
      await job.lease.untilEnd(over).catch(() => {});
      if (over.aborted || job.canceled.aborted) return;
      site.log.warn(
        { ...idsOf(job), step: name },
        "the lease of a plan is over without a word from the control plane: it is ended",
      );
      await noteIfPossible(job, site, { kind: "fenced" });
    }
    await this.#interrupt(name, step, over);
  }

  async #force(name: string, step: Step): Promise<void> {
    const { job, site } = this.#options;
    await noteIfPossible(job, site, { kind: "step_forced", step: name });
    const outcome = await step.forceStop();
    site.log.warn({ ...idsOf(job), step: name, outcome }, "step ended by force");
  }

  #failed(error: unknown): void {
    this.#options.site.log.error({ ...idsOf(this.#options.job), err: error }, "a wish could not reach its step");
  }

  async #record(name: string, end: StepOutcome): Promise<void> {
    const { job, site } = this.#options;
    if (job.journal.ofStep("step_ended", name) !== undefined) return;
    const exitCode = end.kind === "exited" ? end.code : null;
    await note(job, site, { kind: "step_ended", step: name, exitCode });
  }
}

/** Calls back once when the signal is aborted, at once if it is already; not any more once `over` is aborted. */
function whenAborted(signal: AbortSignal, over: AbortSignal, callback: () => void): void {
  if (signal.aborted) callback();
  else signal.addEventListener("abort", callback, { once: true, signal: over });
}
