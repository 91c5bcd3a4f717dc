import { Fits, isMatch } from "../../domain/runs/dispatch.ts";
import { engineRequirementOf, requirementText } from "../../domain/runs/engine.ts";
import type { Job } from "../../domain/runs/job.ts";
import { featuresOf, knowsAll } from "../../domain/runs/job-features.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import type { PresentAgent } from "../core/presence.ts";
import { conditionsOf } from "../core/selectors.ts";
import { advanceJob, saveRunFacts } from "../runs/advance.ts";
import { type Claim, claimed } from "./results.ts";

/**
 * Puts an offered job whose agent cannot have its program back into the queue, if another agent can: then the start is
 * refused, and this is why. Undefined if there is none: the job is started, to say so itself.
 */
export function giveElsewhere(control: Control, claim: Claim, why: string): Promise<string | undefined> {
  return changeAbout(control, claim.jobId, async (tx, at) => {
    const job = claimed(await tx.jobs.get(claim.jobId), claim);
    const workspace = job === undefined ? undefined : await tx.workspaces.get(job.workspaceId);
    const run = job === undefined ? undefined : await tx.runs.get(job.runId);
    if (job?.status !== "offered" || workspace === undefined || run === undefined) return undefined;
    control.presence.get(claim.agentId)?.noteUnmet(requirementText(engineRequirementOf(job, workspace)), why);
    const other = otherAgent(control, job, run, workspace);
    if (other === undefined) return undefined;
    await advanceJob(tx, at, { job, event: { kind: "declined" } });
    const told = { actor: job.agentName ?? "", title: "cannot have the program", comment: `${why}. It goes elsewhere` };
    await saveRunFacts(tx, at, { run, told });
    return `agent ${other.name} has what the job asks for: it goes there`;
  });
}

/** A connected agent that can have it, busy or not, and has not failed to. */
function otherAgent(
  { presence }: Pick<Control, "presence">,
  job: Job,
  run: Run,
  workspace: Workspace,
): PresentAgent | undefined {
  const wish = engineRequirementOf(job, workspace);
  const conditions = conditionsOf(workspace);
  const needs = featuresOf(run.options, job.phase);
  const connectedAgents = presence
    .everywhere()
    .filter(({ poolId, labels }) => poolId === job.poolId && isMatch(labels, job.phase, conditions))
    .filter(({ features }) => knowsAll(features, needs));
  return new Fits()
    .among(wish, connectedAgents)
    .find(({ agentId, unmet }) => agentId !== job.agentId && !unmet.has(requirementText(wish)));
}
