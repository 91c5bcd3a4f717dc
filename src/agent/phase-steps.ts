import { constants } from "node:os";
import { initArgv } from "../terraform/argv.ts";
import { assertLocalBackend } from "../terraform/configuration.ts";
import { engineNameOf } from "./engine-name.ts";
import type { Execution } from "./execute.ts";
import type { Job } from "./job.ts";
import type { StepEnd } from "./job-steps.ts";
import { canceled, errored, type PhaseEnd } from "./results.ts";

/** Runs `terraform init` if the configuration asks for it; an end means that the phase is over. */
export async function initialize({ job, ready, steps, place }: Execution): Promise<PhaseEnd | undefined> {
  if (!ready.needsInit) return undefined;
  const argv = () => initArgv({ lockFileReadonly: job.isApply });
  const end = await steps.run({ name: "init", argv, output: { kind: "text" } });
  if (!isSuccess(end)) return failureOf(job, "init", end);
  await assertLocalBackend(place.directory, ready.hasBackendBlock);
  return undefined;
}

export const isSuccess = (end: StepEnd): boolean => end.kind === "exited" && end.code === 0;

/** What a step that did not succeed means for its phase. */
export function failureOf(job: Job, step: string, end: StepEnd): PhaseEnd {
  const exitCode = exitCodeOf(end);
  const command = `${engineNameOf(job.spec)} ${step}`;
  if (job.canceled.aborted && end.kind !== "lost") {
    return canceled(`${command} was ${wasForced(job, step) ? "ended by force" : "canceled"}`, { exitCode });
  }
  return errored(whyFailed(command, end), { exitCode });
}

/** By a person, or by this agent, because a plan did not end after its interrupt. */
const wasForced = (job: Job, step: string): boolean =>
  job.forced.aborted || job.journal.ofStep("step_forced", step) !== undefined;

function whyFailed(command: string, end: StepEnd): string {
  switch (end.kind) {
    case "exited":
      return `${command} failed with exit code ${end.code}: see the log`;
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
function exitCodeOf(end: StepEnd): number {
  if (end.kind === "exited") return end.code;
  return end.kind === "signaled" ? 128 + constants.signals[end.signal] : -1;
}
