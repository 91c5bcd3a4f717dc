import { type Job, newestOf } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { AgentTokenId, JobId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";

/** How the keys of the jobs whose agents are not believed begin. */
export const doubtsPrefix = "distrusted/";

const keyOf = (jobId: JobId): string => `${doubtsPrefix}${jobId}`;

/** The job of such a key. */
export const doubtedJob = (key: string): string => key.slice(doubtsPrefix.length);

/** Remembers that a job ran on a token that was revoked for a suspected theft. */
export const distrust = (tx: Queries, jobId: JobId, tokenId: AgentTokenId): Promise<void> =>
  tx.meta.set(keyOf(jobId), tokenId);

/** Why the states of a job are not believed; undefined if nothing speaks against them. */
export async function whyDistrusted(q: Queries, { id }: Pick<Job, "id">): Promise<string | undefined> {
  const tokenId = await q.meta.get(keyOf(id));
  if (tokenId === undefined) return undefined;
  return `the agent token ${tokenId} of its agent was revoked for a suspected theft: look at this state before you adopt it`;
}

/** True if the newest state of the run's apply is aside because its agent is not believed: a person has to decide first. */
export async function awaitsJudgement(q: Queries, run: Run): Promise<boolean> {
  const apply = newestOf(await q.jobs.ofRun(run.id), "apply");
  if (apply === undefined || (await whyDistrusted(q, apply)) === undefined) return false;
  return (await q.states.newestOfJob(apply.id))?.status === "quarantined";
}
