import { constants, copyFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../lib/values/errors.ts";
import { WindlassError } from "../../../lib/words/errors.ts";
import type { HookStage } from "../../../lib/words/hook-stages.ts";
import { makeTextRedactor } from "../../../terraform/redaction/redact.ts";
import { engineNameOf } from "../../contract/engine-name.ts";
import { freshDirectory } from "../../disk/durable-files.ts";
import { configurationRoot } from "../../jobs/files.ts";
import { type AgentJob, idsOf } from "../../jobs/job.ts";
import type { JobLog } from "../../jobs/log.ts";
import { notice } from "../../jobs/log-lines.ts";
import type { JobPlace } from "../job-place.ts";
import type { JobSteps, StepEnd } from "../job-steps.ts";
import { type GivenInputs, secretsOfJob } from "../job-variables.ts";
import type { JobContext } from "../services.ts";
import { findHooks, type Hook, sha256OfHook } from "./hook-files.ts";
import { keepHookReport } from "./hook-reports.ts";
import { type HookSaid, keepHookValues, maskedIn, readHookValues } from "./hook-values.ts";
import { hookStep } from "./step-hook.ts";

/** What is shorter lived than a phase: it runs when the job is over, or nobody wants it any more. */
const lastMs = 30_000;
/** A hook that ends with this has not failed: it says that a person has to decide. */
const softDenyCode = 10;

/** Whose end a cancel does not hasten, and which are started behind it. */
const runsAnyway: ReadonlySet<HookStage> = new Set(["post-apply", "on-cancel", "job-exit"]);

export type HookVerdict =
  | { readonly kind: "passed" }
  /** A person has to decide; `by` says which hook wants that. */
  | { readonly kind: "denied"; readonly by: string }
  | { readonly kind: "failed"; readonly why: string; readonly end: StepEnd };

/** What a hook is told beside what every hook is. */
export interface ToldHook {
  /** Of terraform, for a hook behind it. */
  readonly exitCode?: number | undefined;
  /** A file with the plan as JSON, in clear. */
  readonly planJson?: string | undefined;
}

export interface JobHooksParts {
  readonly job: AgentJob;
  readonly context: JobContext;
  readonly log: JobLog;
  readonly steps: JobSteps;
  readonly place: JobPlace;
  readonly variables: Promise<GivenInputs>;
}

/** What a hook writes for this agent. */
interface HookFiles extends HookSaid {
  readonly summary: string;
}

interface ReportedHook {
  readonly files: HookFiles;
  readonly end: StepEnd;
  /** Undefined when an earlier process of this agent has started it. */
  readonly sha256: string | undefined;
}

/** The programs of the agent's operator around a job. Each is a step of it: at most once, adopted, part of its log. */
export class JobHooks {
  readonly #parts: JobHooksParts;
  readonly #hooks: readonly Hook[];

  private constructor(parts: JobHooksParts, hooks: readonly Hook[]) {
    this.#parts = parts;
    this.#hooks = hooks;
  }

  /**
   * Looks which there are. Rejects when there is one that may not run and nothing was begun; what has begun goes on
   * without that one.
   */
  static async open(parts: JobHooksParts): Promise<JobHooks> {
    const { job, context } = parts;
    const { hooks: config } = context.config;
    if (config === undefined) return new JobHooks(parts, []);
    const { hooks, problems } = await findHooks(config.directory);
    if (problems.length > 0) {
      if (!job.journal.has("step_started")) throw new WindlassError("validation", problems.join("; "));
      context.log.warn({ ...idsOf(job), problems }, "hooks that may not run are left out");
    }
    const opened = new JobHooks(parts, hooks);
    await opened.#hideOfOthers();
    return opened;
  }

  /** A hook that has run and is not there any more does not come again: what it has masked stays masked. */
  async #hideOfOthers(): Promise<void> {
    const { job, log } = this.#parts;
    if (!job.journal.has("step_started")) return;
    const values = await readHookValues(job.files.hookValues);
    const known = new Set(this.#hooks.map(stepOf));
    log.hide(
      maskedIn(
        values,
        Object.keys(values).filter((step) => !known.has(step)),
      ),
    );
  }

  /** Whether one runs there; `isEarly` asks for those before init alone, or those behind it alone. */
  has(stage: HookStage, isEarly?: boolean): boolean {
    return this.#hooks.some((hook) => hook.stage === stage && (isEarly === undefined || hook.isOfHcp === isEarly));
  }

  /** Those before terraform init. */
  async beforeInit(): Promise<HookVerdict> {
    const { job } = this.#parts;
    const phase = job.isApply ? "pre-apply" : "pre-plan";
    const early = this.#hooks.filter(({ stage, isOfHcp }) => stage === "pre-init" || (stage === phase && isOfHcp));
    return this.#run(early, {}, ["init", this.#mainStep]);
  }

  /** Those between init and the phase's own step. */
  async before(stage: "pre-plan" | "pre-apply", told: ToldHook = {}): Promise<HookVerdict> {
    const late = this.#hooks.filter((hook) => hook.stage === stage && !hook.isOfHcp);
    return this.#run(late, told, [this.#mainStep]);
  }

  /** Those behind the phase's own step, or its end. */
  async after(stage: "post-plan" | "post-apply" | "on-cancel" | "job-exit", told: ToldHook): Promise<HookVerdict> {
    return this.#run(
      this.#hooks.filter((hook) => hook.stage === stage),
      told,
      [],
    );
  }

  get #mainStep(): string {
    return this.#parts.job.isApply ? "apply" : "plan";
  }

  /** One after the other, until one fails or denies. What comes before a step is not begun behind it. */
  async #run(hooks: readonly Hook[], told: ToldHook, comesBefore: readonly string[]): Promise<HookVerdict> {
    const { journal } = this.#parts.job;
    const isPast = comesBefore.some((step) => journal.ofStep("step_started", step) !== undefined);
    for (const hook of hooks) {
      if (isPast && journal.ofStep("step_started", stepOf(hook)) === undefined) continue;
      const verdict = await this.#runOne(hook, told);
      if (verdict.kind !== "passed") return verdict;
    }
    return { kind: "passed" };
  }

  async #runOne(hook: Hook, told: ToldHook): Promise<HookVerdict> {
    const { job, context, log, steps } = this.#parts;
    const name = stepOf(hook);
    await log.say(`${name}-heading`, () => `\nExecuting ${titleOf(hook)} hook...\n`);
    const file = (ending: string) => join(this.#room, `${name}.${ending}`);
    const files = { values: file("env"), masks: file("mask"), summary: file("md") };
    let sha256: string | undefined;
    const environment = async () => {
      // The job may have put something in its place: a link to a file of this agent, or variables of its own.
      await freshDirectory(this.#room);
      sha256 = await sha256OfHook(hook);
      context.log.info({ ...idsOf(job), hook: hook.path, sha256 }, "hook starts");
      return this.#told(hook, told, files);
    };
    const end = await steps.run({
      name,
      argv: () => [],
      output: { kind: "text" },
      limit: { ms: this.#limitMs(hook.stage), describe: async () => "" },
      hook: {
        path: hook.path,
        readable: [context.config.hooks?.directory ?? ""],
        environment,
        runsAnyway: runsAnyway.has(hook.stage),
        outside: this.#isOutside(hook) ? this.#room : undefined,
      },
    });
    const verdict = await this.#settle(hook, files, end);
    if (end.kind !== "skipped" && end.kind !== "refused") await this.#report(hook, { files, end, sha256 });
    return verdict;
  }

  /** Takes what a hook has set. Of one that failed only what must not be seen counts. */
  async #settle(hook: Hook, said: HookFiles, end: StepEnd): Promise<HookVerdict> {
    const { job, context, log } = this.#parts;
    const verdict = this.#verdictOf(hook, end);
    if (end.kind !== "exited") return verdict;
    const isFailed = verdict.kind === "failed";
    const step = stepOf(hook);
    const { maySet = [] } = context.config.hooks ?? {};
    try {
      await keepHookValues(job.files.hookValues, { step, said }, { maySet, isFailed });
    } catch (error) {
      context.stopping.throwIfAborted();
      if (isFailed) return verdict;
      const why = `the hook ${hook.name} has set variables that cannot be: ${messageOf(error)}`;
      return { kind: "failed", why, end };
    }
    log.hide(maskedIn(await readHookValues(job.files.hookValues), [step]));
    return verdict;
  }

  /** Nothing of a summary is told when nobody knows any more what must not be seen. It changes nothing of its job. */
  async #report(hook: Hook, { files, end, sha256 }: ReportedHook): Promise<void> {
    const { job, context, variables } = this.#parts;
    try {
      const secrets = await secretsOfJob(job, variables).catch(() => undefined);
      const redact = secrets === undefined ? () => "" : await makeTextRedactor(secrets);
      const told = {
        step: stepOf(hook),
        name: hook.name,
        sha256: sha256 ?? (await sha256OfHook(hook)),
        exitCode: end.kind === "exited" ? end.code : -1,
        said: files.summary,
      };
      await keepHookReport(job.files.hookReports, told, redact);
    } catch (error) {
      context.stopping.throwIfAborted();
      context.log.warn({ ...idsOf(job), hook: hook.path, err: error }, "what a hook says for people cannot be kept");
    }
  }

  #verdictOf(hook: Hook, end: StepEnd): HookVerdict {
    const { job } = this.#parts;
    const failed = (why: string): HookVerdict => ({ kind: "failed", why: `the hook ${hook.name} ${why}`, end });
    if (job.canceled.aborted && !runsAnyway.has(hook.stage)) return failed("was canceled");
    if (job.journal.ofStep("step_timed_out", stepOf(hook)) !== undefined) {
      const seconds = this.#limitMs(hook.stage) / 1000;
      return failed(`did not end in ${seconds} s: it was ended. Look what it waits for, or raise --hook-timeout`);
    }
    switch (end.kind) {
      case "exited":
        if (end.code === 0) return { kind: "passed" };
        if (end.code === softDenyCode && hook.stage === "post-plan" && job.spec.takesPolicyDenial)
          return { kind: "denied", by: hook.name };
        return failed(`failed with exit code ${end.code}: see the log`);
      case "signaled":
        return failed(`was ended by ${end.signal}, which this agent did not send`);
      case "lost":
        return failed(`was ended without a status: ${end.why}`);
      case "skipped":
        return failed("was not started: the job was canceled");
      case "refused":
        return failed(`could not be started: ${end.why}`);
    }
  }

  #limitMs(stage: HookStage): number {
    const limits = this.#parts.context.config.hooks?.limitsMs;
    const ms = limits?.stages[stage] ?? limits?.others ?? lastMs;
    return stage === "on-cancel" || stage === "job-exit" ? Math.min(ms, lastMs) : ms;
  }

  /** What a hook is given, and where it writes variables for those behind it; emptied before each. */
  get #room(): string {
    return join(this.#parts.job.files.work, "hooks");
  }

  #isOutside({ stage }: Hook): boolean {
    return this.#parts.context.config.hooks?.outsideSandbox?.includes(stage) ?? false;
  }

  async #told(
    hook: Hook,
    { exitCode, planJson }: ToldHook,
    files: HookFiles,
  ): Promise<Readonly<Record<string, string>>> {
    const { job, place } = this.#parts;
    const { spec, files: own, claim } = job;
    const isBehindPlan = job.isApply || planJson !== undefined || exitCode !== undefined;
    const seen = this.#isOutside(hook) ? (path: string) => path : place.seen;
    const root = configurationRoot(own.work);
    return {
      WINDLASS_HOOK: hook.stage,
      WINDLASS_PHASE: job.isApply ? "apply" : "plan",
      WINDLASS_RUN_ID: spec.runId,
      WINDLASS_ORGANIZATION: spec.organization,
      WINDLASS_WORKSPACE: spec.workspace,
      WINDLASS_EPOCH: String(claim.epoch),
      WINDLASS_ENGINE: engineNameOf(spec),
      WINDLASS_CONFIG_DIR: this.#isOutside(hook) ? root : place.seenPlace(root),
      WINDLASS_STATE_FILE: seen(own.stateFile),
      ...(isBehindPlan && { WINDLASS_PLAN_FILE: seen(own.planFile) }),
      ...(planJson !== undefined && { WINDLASS_PLAN_JSON: seen(await this.#shownPlan(planJson)) }),
      ...(exitCode !== undefined && { WINDLASS_EXIT_CODE: String(exitCode) }),
      WINDLASS_ENV: seen(files.values),
      TFC_AGENT_ENV: seen(files.values),
      WINDLASS_MASK: seen(files.masks),
      WINDLASS_SUMMARY: seen(files.summary),
    };
  }

  /** What is printed of a plan is hidden from jobs: a hook gets a copy of its own. */
  async #shownPlan(from: string): Promise<string> {
    const path = join(this.#room, "plan.json");
    await copyFile(from, path, constants.COPYFILE_EXCL);
    return path;
  }

  /** A failure that changes nothing any more is told in the log alone. */
  async tell(stage: HookStage, verdict: HookVerdict): Promise<void> {
    if (verdict.kind !== "failed") return;
    const { job, context, log } = this.#parts;
    context.log.warn({ ...idsOf(job), why: verdict.why }, "a hook failed");
    await log.say(`hook-${stage}-failed`, () =>
      notice(`${verdict.why.replace(": see the log", "")}. The job is over all the same`),
    );
  }
}

/** Steps of hooks begin with this. */
const stepOf = ({ name }: Hook): string => `${hookStep}${name.replaceAll("/", "-")}`;

/** `pre-plan`, as HCP Terraform's agents write it; `pre-plan 10-cost`. */
function titleOf({ stage, name, isOfHcp }: Hook): string {
  return isOfHcp ? stage : `${stage} ${name.split("/").at(-1)}`;
}
