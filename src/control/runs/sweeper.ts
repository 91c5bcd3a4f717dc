import { agentStatusAfter, type Silence } from "../../domain/agents/agent.ts";
import { requestMemoryMs } from "../../domain/people/retention.ts";
import type { SilentRow } from "../../store/ports/agents.ts";
import type { SilentAgent } from "../../store/ports/store.ts";
import { changeAbout } from "../core/change.ts";
import { claimWork } from "../core/claimed-work.ts";
import { type Control, topics } from "../core/control.ts";
import { advanceJob, noFacts } from "./advance.ts";
import { logStreamOf } from "./logs.ts";
import { factsOfLost } from "./lost-apply.ts";
import { sweepQueues, sweepSavedPlans } from "./queue-limits.ts";

/** How often overdue rows are looked for. */
const sweepMs = 5_000;
const batch = 200;
/** Of several servers one sweeps for as long as it goes on; another one takes over after so long. */
const claimMs = 4 * sweepMs;
/** How many request ids one look forgets: after a long stop there may be a day's. */
const requestBatch = 1_000;

/** A sweep that comes so much later than it should, by either clock: the server stood still, or its clock was set. */
const strayMs = 5_000;

/** Finds what is overdue and mends it, until the signal is aborted. Nothing waits for ever. */
export async function sweepUntil(control: Control, signal: AbortSignal): Promise<void> {
  const { clock, log } = control;
  let last = readClock(clock);
  let graceFromMs = last.monotonicMs;
  while (!signal.aborted) {
    const now = readClock(clock);
    try {
      if (hasStrayed(last, now)) {
        graceFromMs = now.monotonicMs;
        await graceAfterGap(control);
      }
      last = now;
      if (await claimWork(control, "sweep", claimMs)) {
        await sweepOnce(control, now.at);
        if (now.monotonicMs - graceFromMs >= queueGraceMs(control)) await sweepQueues(control, now.at);
      }
    } catch (error) {
      log.error({ err: error }, "a sweep failed: it is tried again");
    }
    await clock.sleep(sweepMs, signal).catch(() => {});
  }
}

/** Nobody could take a run from a server that was down: agents get time to come back before a queue is judged. */
const queueGraceMs = ({ timing }: Control): number => Math.min(timing.restartGraceMs, timing.queueTimeoutMs);

interface ClockReading {
  readonly at: Date;
  readonly monotonicMs: number;
}

const readClock = (clock: Control["clock"]): ClockReading => ({ at: clock.now(), monotonicMs: clock.monotonicMs() });

/**
 * The wall clock goes on while a machine is suspended, the monotonic one does not; both go on while a process stands
 * still.
 */
function hasStrayed(last: ClockReading, now: ClockReading): boolean {
  const wallMs = now.at.getTime() - last.at.getTime();
  const monotonicMs = now.monotonicMs - last.monotonicMs;
  return Math.max(wallMs, monotonicMs) > sweepMs + strayMs || wallMs < monotonicMs - strayMs;
}

/** One look at everything that has a deadline but the queues. A clock that jumps meanwhile makes nothing overdue. */
export async function sweepOnce(control: Control, now = control.clock.now()): Promise<void> {
  await sweepLeases(control, now);
  await sweepAgents(control, now);
  await sweepLogs(control, now);
  await sweepSavedPlans(control, now);
  await control.store.step((tx) => tx.requests.deleteBefore(new Date(now.getTime() - requestMemoryMs), requestBatch));
}

/**
 * For a start while no other process serves the database: nobody is connected, and every claim gets time to be renewed before
 * anything judges it, for agents could not reach a server that was down.
 */
export async function graceAfterStart(control: Control): Promise<void> {
  await control.store.step((tx) => tx.agents.disconnectBut([]));
  const jobs = await grantGrace(control);
  if (jobs > 0)
    control.log.info(
      { jobs, graceMs: control.timing.restartGraceMs },
      "jobs were running when the control plane stopped: their agents have time to come back",
    );
}

/** The same for a server that stood still, or whose leases mean nothing any more because its clock was set. */
async function graceAfterGap(control: Control): Promise<void> {
  const jobs = await grantGrace(control);
  control.log.warn(
    { jobs, graceMs: control.timing.restartGraceMs },
    "the control plane stood still for a while or its clock was set: agents have time to come back before any lease ends",
  );
}

/** No lease ends sooner than the grace from now, and none later than a fresh one would. */
async function grantGrace({ store, clock, timing }: Control): Promise<number> {
  const { offerMs, planMs, applyMs } = timing.leases;
  const nowMs = clock.now().getTime();
  const latestMs = nowMs + Math.max(timing.restartGraceMs, offerMs, planMs, applyMs);
  return store.step(async (tx) => {
    await tx.jobs.capAll(new Date(latestMs));
    return tx.jobs.extendAll(new Date(nowMs + timing.restartGraceMs));
  });
}

async function sweepLeases(control: Control, now: Date): Promise<void> {
  const overdue = await control.store.read((q) => q.jobs.overdue(now, batch));
  for (const found of overdue) {
    const isLostApply = found.phase === "apply" && found.status === "started";
    const facts = isLostApply ? { ...noFacts, ...(await factsOfLost(control, found)) } : noFacts;
    await changeAbout(control, found.id, async (tx, at) => {
      const job = await tx.jobs.get(found.id);
      // Read again: a heartbeat may have come since.
      if (job?.leaseUntil == null || job.leaseUntil > at.now) return;
      control.log.warn(
        { jobId: job.id, runId: job.runId, phase: job.phase, status: job.status, agentId: job.agentId },
        "a lease has ended",
      );
      const { resourcesInFlight } = facts;
      await advanceJob(tx, at, { job, event: { kind: "lease_expired", resourcesInFlight }, facts });
    });
  }
}

/** Says of every silent agent what its silence means, whatever their number: a page after the other, one write each. */
async function sweepAgents(control: Control, now: Date): Promise<void> {
  const { timing, store } = control;
  const due = {
    unknownBefore: new Date(now.getTime() - timing.silence.unknownMs),
    erroredBefore: new Date(now.getTime() - timing.silence.erroredMs),
  };
  let after: SilentRow | null = null;
  do {
    const page: readonly SilentRow[] = await store.read((q) => q.agents.silent(due, { after, limit: batch }));
    await tellSilence(control, page, now);
    after = page.length < batch ? null : (page.at(-1) ?? null);
  } while (after !== null);
}

/** One that was heard since its row was written is left alone, here and, if it is heard right now, by the write itself. */
async function tellSilence(control: Control, agents: readonly SilentRow[], now: Date): Promise<void> {
  const { clock, timing, presence, store, log } = control;
  const isHeard = ({ id }: SilentAgent): boolean => {
    const connected = presence.get(id);
    return connected !== undefined && clock.monotonicMs() - connected.heardAtMs < timing.silence.unknownMs;
  };
  const rows = agents.filter((agent) => !isHeard(agent)).map((agent) => silenceOf(agent, now, timing.silence));
  const [ghosts, lost] = [rows.filter(isGhost), rows.filter((row) => !isGhost(row))];
  const forgotten = await store.step((tx) => tx.agents.forget(ghosts));
  if (forgotten > 0) log.warn({ agents: forgotten }, "agents registered and never came: they are forgotten");
  const moved = await store.step((tx) => tx.agents.fallSilent(lost));
  const names = new Map(agents.map(({ id, name }) => [id, name]));
  for (const { id, status, lastSeenAt } of moved) {
    const silentMs = now.getTime() - lastSeenAt.getTime();
    log.warn({ agentId: id, name: names.get(id), status, silentMs }, "an agent is silent");
  }
  if (moved.length + forgotten > 0) for (const topic of [topics.jobs, topics.agents]) control.wake.notify(topic);
}

/** Silent for so long that it would be errored, of an agent that never opened a stream: nothing can come of it. */
const isGhost = ({ status, sessionEpoch }: SilentRow): boolean => status === "errored" && sessionEpoch === 0;

const silenceOf = ({ status, lastSeenAt, ...agent }: SilentRow, now: Date, silence: Silence): SilentRow => ({
  ...agent,
  lastSeenAt,
  status: agentStatusAfter(status, { kind: "silent", forMs: now.getTime() - lastSeenAt.getTime() }, silence),
});

/** A log whose end can never come is closed, and says that something is missing. */
async function sweepLogs(control: Control, now: Date): Promise<void> {
  const { store, timing, presence, logs, log } = control;
  const jobs = await store.read((q) => q.jobs.logsOpenSince(new Date(now.getTime() - timing.logGraceMs), batch));
  for (const job of jobs) {
    // The agent of an interrupted apply is here, or has come back: the end of its log is still on its way.
    if (job.status === "interrupted" && job.agentId !== null && presence.find(job.agentId) !== undefined) continue;
    const stream = logStreamOf(job);
    const { end } = await logs.read(stream, 0, 1);
    if (end.kind === "open") await logs.sealWithGap(stream, undefined);
    // An interrupted apply's agent may still come back: its log is shown with a gap, but not given up.
    if (job.status === "interrupted") continue;
    const length = await logs.nextOffset(stream);
    await changeAbout(control, job.id, async (tx, at) => {
      const row = await tx.jobs.get(job.id);
      if (row === undefined || row.epoch !== job.epoch || row.isLogClosed) return;
      const closed = { ...row, isLogClosed: true, logBytes: length, logProblem: { kind: "agent_lost" } as const };
      await tx.jobs.saveIf(closed, { epoch: row.epoch, status: row.status });
      at.touched.add(topics.log(job.id)).add(topics.run(job.runId));
    });
    log.warn({ jobId: job.id, runId: job.runId, length }, "a log was closed with a visible gap: its agent is gone");
  }
}
