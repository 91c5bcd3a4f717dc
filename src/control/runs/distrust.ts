import { type Job, newestOf } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { AgentTokenId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";

/** Remembers that a job ran on a token that was revoked for a suspected theft. */
export const distrust = (tx: Queries, job: Job, tokenId: AgentTokenId): Promise<void> =>
  tx.jobs.save({ ...job, distrustedBy: tokenId });

/** Why the states of a job are not believed; undefined if nothing speaks against them. */
export const whyDistrusted = ({ distrustedBy }: Pick<Job, "distrustedBy">): string | undefined =>
  distrustedBy === null
    ? undefined
    : `the agent token ${distrustedBy} of its agent was revoked for a suspected theft: look at this state before you adopt it`;

/** True if the newest state of the run's apply is aside because its agent is not believed: a person has to decide first. */
export async function awaitsJudgement(q: Queries, run: Run): Promise<boolean> {
  const apply = newestOf(await q.jobs.ofRun(run.id), "apply");
  if (apply === undefined || apply.distrustedBy === null) return false;
  return (await q.states.newestOfJob(apply.id))?.status === "quarantined";
}
