import { durationMs } from "@bufbuild/protobuf/wkt";
import { assertLocalBackend } from "../../terraform/configuration/configuration.ts";
import { initArgv } from "../../terraform/engines/argv.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import { removeFile } from "../disk/durable-files.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { Execution } from "./execution.ts";
import { endOfHook, exitCodeOf, failureOf } from "./failures.ts";
import { tellSilence, whatInitWaitsFor } from "./init-silence.ts";
import type { StepEnd } from "./job-steps.ts";
import { hintAfterInit } from "./providers/init-hint.ts";
import { followUpPackages, preparePackages } from "./providers/job-packages.ts";
import { errored, type PhaseEnd } from "./results.ts";
import { lendState, takeStateBack } from "./states/state-place.ts";
import { earlyVariableFiles } from "./variable-files.ts";

/** Runs the hooks before it and `terraform init`, if the configuration asks for it; an end means that the phase is over. */
export async function initialize(execution: Execution): Promise<PhaseEnd | undefined> {
  return endOfHook(execution, await execution.hooks.beforeInit()) ?? (await init(execution));
}

async function init(execution: Execution): Promise<PhaseEnd | undefined> {
  const { job, ready, steps, place } = execution;
  if (!ready.needsInit) return undefined;
  // It may run an init of its own.
  await job.journal.flush();
  await preparePackages(execution);
  const end = await steps.run({
    name: "init",
    argv: async () => {
      await lendState(execution);
      return initArgv({ lockFileReadonly: job.isApply, varFiles: await earlyVariableFiles(execution) });
    },
    output: { kind: "text" },
    limit: initLimitMs(job) > 0 ? { ms: initLimitMs(job), describe: () => whatInitWaitsFor(execution) } : undefined,
    beside: (over) => tellSilence(execution, over),
  });
  await takeStateBack(execution);
  await removeFile(job.files.variables);
  if (!isSuccess(end)) {
    const failure = await failureOf(execution, "init", { end });
    return timedOut(job, end) ?? (await withHint(execution, failure));
  }
  await assertLocalBackend(place.directory, ready.hasBackendBlock);
  await followUpPackages(execution);
  return undefined;
}

/** What a person can do when init did not get the providers. */
async function withHint({ steps, variables }: Execution, end: PhaseEnd): Promise<PhaseEnd> {
  if (end.outcome !== "errored") return end;
  const { providers } = await variables;
  const hint = await hintAfterInit(steps.outputPath("init"), providers.sentence);
  return hint === undefined ? end : { ...end, errorMessage: `${end.errorMessage}. ${hint}` };
}

const initLimitMs = ({ spec }: AgentJob): number => (spec.initTimeout === undefined ? 0 : durationMs(spec.initTimeout));

/** What is said of an init whose own time was over; undefined if something else ended it. */
function timedOut(job: AgentJob, end: StepEnd): PhaseEnd | undefined {
  const timeOut = job.journal.ofStep("step_timed_out", "init");
  if (job.canceled.aborted || timeOut === undefined) return undefined;
  const limit = spanText(initLimitMs(job));
  const command = `${engineNameOf(job.spec)} init`;
  const cure = "look whether this agent reaches where that comes from, or raise the limit with --init-timeout";
  return errored(`${command} did not end in ${limit}: ${timeOut.detail}; ${cure}`, { exitCode: exitCodeOf(end) });
}

/** `10m`, `90s`. */
const spanText = (ms: number): string => (ms % 60_000 === 0 ? `${ms / 60_000}m` : `${Math.round(ms / 1000)}s`);

export const isSuccess = (end: StepEnd): boolean => end.kind === "exited" && end.code === 0;
