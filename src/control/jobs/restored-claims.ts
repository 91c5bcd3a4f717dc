import type { Agent } from "../../domain/agents/agent.ts";
import { awaitsClaim } from "../../domain/runs/restoration.ts";
import { type HeldJob, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { hashToken } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import { record } from "../core/audit.ts";
import type { Change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { jobTokenOf } from "./dispatcher.ts";

/**
 * After a restore: gives an agent back the claims on applies that it started after the backup was made, so that their log,
 * state and result can still come. Nothing starts by this: the jobs have ended, as interrupted.
 */
export async function takeUpRestored(
  tx: Queries,
  at: Change,
  { control, agent, jobs }: { readonly control: Control; readonly agent: Agent; readonly jobs: readonly HeldJob[] },
): Promise<void> {
  for (const { claim, stage } of jobs) {
    const id = claim?.jobId ?? "";
    const epoch = Number(claim?.epoch ?? 0n);
    if (stage < JobStage.RUNNING || !isId("job", id)) continue;
    const job = await tx.jobs.get(id);
    if (job === undefined || !awaitsClaim(job) || job.poolId !== agent.poolId || epoch < Math.max(1, job.epoch))
      continue;
    const { id: agentId, name: agentName, incarnation } = agent;
    const tokenHash = hashToken(jobTokenOf(control, { id, epoch }));
    const started = { attempt: job.attempt + 1, startedAt: job.startedAt ?? at.now };
    const taken = { ...job, ...started, epoch, agentId, agentName, incarnation, tokenHash };
    if (!(await tx.jobs.saveIf(taken, { epoch: job.epoch, status: job.status }))) continue;
    await record(tx, "system", {
      action: "job.claim_restored",
      resource: id,
      organizationId: job.organizationId,
      detail: { agent: agentName, epoch: String(epoch), run: job.runId },
      address: agent.address,
      at: at.now,
    });
    at.touched.add(topics.run(job.runId)).add(topics.log(id));
    control.log.warn(
      { jobId: id, runId: job.runId, agentId, epoch },
      "an agent came back with an apply that it started after the backup: its log, state and result are taken",
    );
  }
}

/** Says what an agent holds and this database does not know: after a restore, what was created since the backup. */
export function warnOfUnknown(
  control: Control,
  agent: Agent,
  { jobs, known }: { readonly jobs: readonly HeldJob[]; readonly known: ReadonlySet<string> },
): void {
  for (const { claim, stage } of jobs) {
    if (claim === undefined || known.has(claim.jobId) || stage < JobStage.RUNNING) continue;
    control.log.warn(
      { jobId: claim.jobId, agentId: agent.id, name: agent.name },
      "an agent holds a job that this database does not know: it ends it, and keeps what it could not deliver",
    );
  }
}
