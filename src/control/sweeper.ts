import { agentStatusAfter } from "../domain/agent.ts";
import type { Queries } from "../store/ports.ts";
import { advanceJob, change } from "./advance.ts";
import { type Control, topics } from "./control.ts";
import { logStreamOf } from "./run-logs.ts";

/** How often overdue rows are looked for. */
const sweepMs = 5_000;
const batch = 200;
/** How long a request id is remembered. */
const requestMemoryMs = 24 * 3600 * 1000;

/** Finds what is overdue and mends it, until the signal is aborted. Nothing waits for ever. */
export async function sweepUntil(control: Control, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweepOnce(control).catch((error: unknown) =>
      control.log.error({ err: error }, "a sweep failed: it is tried again"),
    );
    await control.clock.sleep(sweepMs, signal).catch(() => {});
  }
}

/** One look at everything that has a deadline. */
export async function sweepOnce(control: Control): Promise<void> {
  await sweepLeases(control);
  await sweepAgents(control);
  await sweepLogs(control);
  const now = control.clock.now();
  await control.store.step((tx) => tx.requests.deleteBefore(new Date(now.getTime() - requestMemoryMs)));
}

/** Gives every claim time to be renewed, before anything judges it: agents could not reach a server that was down. */
export async function graceAfterStart({ store, clock, timing, log }: Control): Promise<void> {
  const until = new Date(clock.now().getTime() + timing.restartGraceMs);
  const jobs = await store.step((tx) => tx.jobs.extendAll(until));
  if (jobs > 0)
    log.info(
      { jobs, graceMs: timing.restartGraceMs },
      "jobs were running when the control plane stopped: their agents have time to come back",
    );
}

async function sweepLeases(control: Control): Promise<void> {
  const overdue = await control.store.read((q) => q.jobs.overdue(control.clock.now(), batch));
  for (const { id } of overdue) {
    await change(control, async (tx, at) => {
      const job = await tx.jobs.get(id);
      // Read again: a heartbeat may have come since.
      if (job?.leaseUntil == null || job.leaseUntil > at.now) return;
      control.log.warn(
        { jobId: id, runId: job.runId, phase: job.phase, status: job.status, agentId: job.agentId },
        "a lease has ended",
      );
      await advanceJob(tx, at, { job, event: { kind: "lease_expired" } });
    });
  }
}

async function sweepAgents(control: Control): Promise<void> {
  const { clock, timing, presence, store, log } = control;
  const silent = await store.read((q) =>
    q.agents.silentSince(new Date(clock.now().getTime() - timing.silence.unknownMs), batch),
  );
  for (const agent of silent) {
    const seat = presence.get(agent.id);
    if (seat !== undefined && clock.monotonicMs() - seat.heardAtMs < timing.silence.unknownMs) continue;
    const forMs = clock.now().getTime() - agent.lastSeenAt.getTime();
    const status = agentStatusAfter(agent.status, { kind: "silent", forMs }, timing.silence);
    if (status === agent.status) continue;
    await store.write((tx) => saveStatus(tx, agent.id, status));
    control.wake.notify(topics.jobs);
    log.warn({ agentId: agent.id, name: agent.name, status, silentMs: forMs }, "an agent is silent");
  }
}

async function saveStatus(
  tx: Queries,
  id: Parameters<Queries["agents"]["get"]>[0],
  status: "unknown" | "errored" | "idle" | "busy" | "exited",
): Promise<void> {
  const row = await tx.agents.get(id);
  if (row !== undefined && row.status !== "exited") await tx.agents.save({ ...row, status });
}

/** A log whose end can never come is closed, and says that something is missing. */
async function sweepLogs(control: Control): Promise<void> {
  const { store, clock, timing, presence, logs, log } = control;
  const jobs = await store.read((q) =>
    q.jobs.logsOpenSince(new Date(clock.now().getTime() - timing.logGraceMs), batch),
  );
  for (const job of jobs) {
    // The agent of an interrupted apply is here, or has come back: the end of its log is still on its way.
    if (job.status === "interrupted" && job.agentId !== null && presence.get(job.agentId) !== undefined) continue;
    await logs.sealWithGap(logStreamOf(job), undefined);
    const length = await logs.nextOffset(logStreamOf(job));
    // An interrupted apply's agent may still come back: its log is shown with a gap, but not given up.
    if (job.status === "interrupted") continue;
    await change(control, async (tx, at) => {
      const row = await tx.jobs.get(job.id);
      if (row === undefined || row.epoch !== job.epoch || row.isLogClosed) return;
      await tx.jobs.saveIf({ ...row, isLogClosed: true, logBytes: length }, { epoch: row.epoch, status: row.status });
      at.touched.add(topics.log(job.id)).add(topics.run(job.runId));
    });
    log.warn({ jobId: job.id, runId: job.runId, length }, "a log was closed with a visible gap: its agent is gone");
  }
}
