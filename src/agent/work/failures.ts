import { constants } from "node:os";
import { crashInOutput, errorLine, type FirstError, firstInOutput } from "../../terraform/output/first-error.ts";
import { makeTextRedactor } from "../../terraform/redaction/redact.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { Execution } from "./execution.ts";
import type { HookVerdict } from "./hooks/job-hooks.ts";
import type { StepEnd } from "./job-steps.ts";
import { secretsOfJob } from "./job-variables.ts";
import { canceled, errored, type PhaseEnd } from "./results.ts";

/**
 * What a step that did not succeed means for its phase; `first` is its first error, looked for in its output if not
 * given.
 */
export async function failureOf(
  execution: Execution,
  step: string,
  { end, first }: { readonly end: StepEnd; readonly first?: FirstError | undefined },
): Promise<PhaseEnd> {
  const { job } = execution;
  const exitCode = exitCodeOf(end);
  const command = `${engineNameOf(job.spec)} ${step}`;
  if (job.canceled.aborted && end.kind !== "lost") {
    return canceled(`${command} was ${wasForced(job, step) ? "ended by force" : "canceled"}`, { exitCode });
  }
  if (end.kind !== "exited") return errored(whyEnded(command, end), { exitCode });
  const said = await errorText(execution, first ?? (await firstOf(execution, step)));
  return errored(
    said === ""
      ? `${command} failed with exit code ${end.code}: see the log`
      : `${command} failed: ${said} (exit code ${end.code}): see the log`,
    { exitCode },
  );
}

/** What a hook means for its phase; undefined if that goes on. */
export function endOfHook({ job }: Pick<Execution, "job">, verdict: HookVerdict): PhaseEnd | undefined {
  if (verdict.kind !== "failed") return undefined;
  const exitCode = exitCodeOf(verdict.end);
  return (job.canceled.aborted ? canceled : errored)(verdict.why, { exitCode });
}

/** By a person, or by this agent, because a plan did not end after its interrupt. */
const wasForced = (job: AgentJob, step: string): boolean =>
  job.forced.aborted || job.journal.ofStep("step_forced", step) !== undefined;

/** An apply prints events, in which its errors were seen already: what else it says is of a crash. */
const firstOf = ({ steps }: Execution, step: string): Promise<FirstError | undefined> =>
  (step === "apply" ? crashInOutput : firstInOutput)(steps.outputPath(step)).catch(() => undefined);

/** Nothing is told when nobody knows any more what must not be seen. */
async function errorText({ job, variables }: Execution, error: FirstError | undefined): Promise<string> {
  if (error === undefined) return "";
  const secrets = await secretsOfJob(job, variables).catch(() => undefined);
  return secrets === undefined ? "" : errorLine(error, await makeTextRedactor(secrets));
}

function whyEnded(command: string, end: Exclude<StepEnd, { kind: "exited" }>): string {
  switch (end.kind) {
    case "signaled":
      return `${command} was ended by ${end.signal}, which this agent did not send: look for a lack of memory on its machine`;
    case "lost":
      return `${command} was ended without a status (signal or machine restart): ${end.why}`;
    case "skipped":
      return `canceled before ${command} was started`;
    case "refused":
      return `${command} could not be started: ${end.why}`;
  }
}

/** As in a shell: 128 + n for signal n, −1 for what never ran or ended unseen. */
export function exitCodeOf(end: StepEnd): number {
  if (end.kind === "exited") return end.code;
  return end.kind === "signaled" ? 128 + constants.signals[end.signal] : -1;
}
