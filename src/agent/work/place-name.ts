import { join } from "node:path";
import { extractFromPlan } from "../../terraform/plan/file.ts";
import { isSafeName } from "../contract/claim.ts";
import type { AgentJob } from "../jobs/job.ts";
import type { JobServices } from "./services.ts";

/**
 * The name under which the job's processes see its work. Terraform writes paths into plans, so an apply has the plan's.
 * In a sandbox it is the workspace's, the same at each run: what is made of `path.cwd` does not change by itself.
 * Without one, several runs of a workspace may be on this machine at once, and it is the run's.
 */
export async function placeNameOf(
  { spec, files, isApply }: AgentJob,
  { config, sandbox }: JobServices,
): Promise<string> {
  const { runId, workspaceId } = spec;
  if (!isSafeName(workspaceId)) return runId;
  const [usual, other] = sandbox.kind === "none" ? [runId, workspaceId] : [workspaceId, runId];
  if (!isApply) return usual;
  const plan = await extractFromPlan(files.planFile, "tfplan").catch(() => undefined);
  // The sandbox of the agent that planned may be another one than here.
  return plan?.includes(`${join(config.workRoot, other)}/`) === true ? other : usual;
}
