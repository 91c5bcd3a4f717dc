import { readFile } from "node:fs/promises";
import { ConnectError } from "@connectrpc/connect";
import { failpoint } from "../lib/failpoint.ts";
import { type PlanOptions, planArgv, showPlanArgv } from "../terraform/argv.ts";
import { type PlanSummary, summarizePlan } from "../terraform/plan.ts";
import { writePlanVariables } from "../terraform/variables.ts";
import { isRefused, mayPass, sha256OfFile } from "./artifacts.ts";
import { freshDirectory, removeFile } from "./durable-files.ts";
import type { Execution } from "./execute.ts";
import { patienceOf } from "./house.ts";
import { note } from "./job-notes.ts";
import { persist } from "./patience.ts";
import { failureOf, initialize, isSuccess } from "./phase-steps.ts";
import { errored, finished, type PhaseEnd } from "./results.ts";
import { placeSharedStates } from "./shared-states.ts";

/** Plans: init if the configuration asks for it, plan, read the plan, upload it with its summary. */
export async function planPhase(execution: Execution): Promise<PhaseEnd> {
  const { job, steps } = execution;
  const over = await initialize(execution);
  if (over !== undefined) return over;
  const argv = async () => planArgv(await planOptions(execution));
  const plan = await steps.run({ name: "plan", argv, output: { kind: "text" } });
  await removeFile(job.files.variables);
  const hasChanges = plan.kind === "exited" && plan.code === 2;
  if (!hasChanges && !isSuccess(plan)) return failureOf(job, "plan", plan);
  const showArgv = () => showPlanArgv(execution.place.seen(job.files.planFile));
  const show = await steps.run({ name: "show", argv: showArgv, output: { kind: "hidden" } });
  if (!isSuccess(show)) return failureOf(job, "show", show);
  return handOver(execution, hasChanges);
}

/** Options of terraform from those of the run; variables go to files outside of the configuration. */
async function planOptions({ job, variables, place }: Execution): Promise<PlanOptions> {
  const { options } = job.spec;
  const { terraform, shared } = await variables;
  await placeSharedStates(place.directory, shared);
  const varFiles = await writePlanVariables(await freshDirectory(job.files.variables), terraform);
  const parallelism = options?.parallelism ?? 0;
  return {
    out: place.seen(job.files.planFile),
    destroy: options?.destroy ?? false,
    refresh: !(options?.skipRefresh ?? false),
    refreshOnly: options?.refreshOnly ?? false,
    targets: options?.targets ?? [],
    replace: options?.replacements ?? [],
    varFiles: varFiles.map(place.seen),
    ...(parallelism === 0 ? {} : { parallelism }),
  };
}

/** Uploads the plan and its summary; a plan that the control plane does not have is none. */
async function handOver({ job, site, steps, variables }: Execution, hasChanges: boolean): Promise<PhaseEnd> {
  const shown = steps.outputPath("show");
  const { secrets } = await variables;
  const summary = summarizePlan(documentIn(await readFile(shown, "utf8")), secrets);
  const sha256 = await sha256OfFile(job.files.planFile);
  const upload = { sha256, summary: Buffer.from(JSON.stringify(summary)) };
  const artifacts = site.artifacts(job.spec.jobToken);
  const isWorthIt = (error: unknown) => mayPass(error) && !(job.gone.aborted && isRefused(error));
  try {
    await persist(
      () => artifacts.uploadPlan(job.files.planFile, upload, site.stopping),
      patienceOf(site, isWorthIt),
      site.stopping,
    );
  } catch (error) {
    site.stopping.throwIfAborted();
    return errored(`the plan could not be uploaded: ${ConnectError.from(error).rawMessage}`, { exitCode: 0 });
  }
  failpoint("agent.plan-uploaded");
  await note(job, site, { kind: "plan_uploaded", sha256 });
  return finished({ exitCode: hasChanges ? 2 : 0, hasChanges, planSha256: sha256, counts: countsOf(summary) });
}

/** The JSON document among what `show` printed: warnings about the machine's configuration may stand before it. */
const documentIn = (output: string): string => output.split("\n").findLast((line) => line.startsWith("{")) ?? output;

const countsOf = ({ add, change, destroy, import: imported }: PlanSummary) => ({
  ...{ add, change, destroy },
  import: imported,
});
