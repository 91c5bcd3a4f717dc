import { stat } from "node:fs/promises";
import { join } from "node:path";
import { JobEngine, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { PlanDocuments } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { openRegular } from "../../lib/fs/regular-file.ts";
import { schemasArgv, showPlanArgv } from "../../terraform/engines/argv.ts";
import { readAt, removeFile } from "../disk/durable-files.ts";
import { configurationRoot } from "../jobs/files.ts";
import { notice } from "../jobs/log-lines.ts";
import { digestPlan } from "../plan/plan-digest.ts";
import { packDocuments } from "../plan/plan-documents.ts";
import type { PlanDigest } from "../plan/plan-reading.ts";
import type { Execution } from "./execution.ts";
import { failureOf } from "./failures.ts";
import type { JobPlace } from "./job-place.ts";
import type { StepEnd } from "./job-steps.ts";
import { secretsOfJob } from "./job-variables.ts";
import { isSuccess } from "./phase-steps.ts";
import type { PhaseEnd } from "./results.ts";
import { sharedStatesIn } from "./states/shared-states.ts";
import { lendState, takeStateBack } from "./states/state-place.ts";
import { earlyVariableFiles } from "./variable-files.ts";

/** Prints the plan as JSON to a file; one that is not urgent leaves the processors to what is. */
export async function runShow(execution: Execution, { isUrgent }: { readonly isUrgent: boolean }): Promise<StepEnd> {
  const { job, steps, place } = execution;
  const argv = async () => showPlanArgv(place.seen(job.files.planFile), await earlyVariableFiles(execution));
  const end = await steps.run({ name: "show", argv, output: { kind: "hidden" }, isUrgent });
  await removeFile(job.files.variables);
  return end;
}

/** Prints the schemas as well if they are wanted; answers the end of the phase if that, or the plan's own step, failed. */
export async function afterShow(execution: Execution, show: StepEnd): Promise<PhaseEnd | undefined> {
  const { job, steps, log } = execution;
  if (!isSuccess(show)) {
    // One that was never started, or was lost, has said nothing.
    if (show.kind === "exited") await tellWhyNotShown(execution);
    return failureOf(execution, "show", { end: show });
  }
  if (!wantsRedacted(job.spec)) return undefined;
  const argv = async () => {
    await lendState(execution);
    return schemasArgv(await earlyVariableFiles(execution));
  };
  const schemas = await steps.run({ name: "schemas", argv, output: { kind: "hidden" } });
  await takeStateBack(execution);
  await removeFile(job.files.variables);
  if (isSuccess(schemas)) return undefined;
  if (schemas.kind !== "exited" || job.canceled.aborted)
    return failureOf(execution, "providers schema", { end: schemas });
  await log.say("65-schemas", () =>
    notice("clients cannot show this plan: the schemas of its providers could not be read"),
  );
  return undefined;
}

export const wantsRedacted = ({ planDocuments }: JobSpec): boolean => planDocuments?.redacted ?? false;

/** How much is read of what `show` printed when it failed. */
const maxShownBytes = 64 * 1024;

/**
 * What `show` says when it fails, without the document that it may have begun: that one is hidden because of its
 * secrets.
 */
async function tellWhyNotShown({ steps, log }: Execution): Promise<void> {
  await using file = await openRegular(steps.outputPath("show"));
  if (file === undefined) return;
  const said = await readAt(file, 0, maxShownBytes);
  const lines = Buffer.from(said)
    .toString("utf8")
    .split("\n")
    .filter((line) => !line.startsWith("{"));
  await log.say("60-show", () => lines.join("\n"));
}

/** Directories of which another agent has its own: what a job writes there stays there. */
export const ownDirectories = ({ seenWork }: JobPlace): readonly string[] => [
  ...["/tmp", "/var/tmp"],
  ...["tmp", "home"].map((name) => join(seenWork, name)),
];

/** What leaves the agent of a plan that was shown. */
export async function readPlan({ job, steps, place, variables }: Execution) {
  const secrets = await secretsOfJob(job, variables);
  const facts = {
    isRefreshOnly: job.spec.options?.refreshOnly ?? false,
    isTofu: job.spec.engine === JobEngine.TOFU,
  };
  const directories = ownDirectories(place);
  const brought = [place.seenPlace(configurationRoot(job.files.work)), sharedStatesIn(place.seenWork)];
  const outside = { directories, brought };
  const schemas = steps.outputPath("schemas");
  const isShown = wantsRedacted(job.spec) && (await stat(schemas)).size <= maxSchemasBytes;
  const paths = { path: steps.outputPath("show"), schemas: isShown ? schemas : undefined };
  return digestPlan({ ...paths, secrets, facts, outside });
}

/** Several times what the largest providers have. */
const maxSchemasBytes = 512 * 1024 * 1024;

/** What the control plane takes of the plan beside its summary. */
export async function documentsOf(
  { job, steps, log }: Execution,
  shown: PlanDigest,
): Promise<PlanDocuments | undefined> {
  const wanted = job.spec.planDocuments;
  if (wanted === undefined) return undefined;
  const documents = await packDocuments(steps.outputPath("show"), shown, Number(wanted.maxBytes));
  if (wanted.redacted && documents.redactedJson.length === 0)
    await log.say("65-schemas", () =>
      notice("clients cannot show this plan: it is too large for them, or its schemas cannot be read"),
    );
  return documents;
}
