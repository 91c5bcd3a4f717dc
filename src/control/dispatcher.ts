import { isMatch } from "../domain/agent.ts";
import { mayUse } from "../domain/agent-pool.ts";
import { type Assignment, assign, type Candidate, dispatchOrder } from "../domain/dispatch.ts";
import { type Job, moveJob } from "../domain/job.ts";
import type { LabelCondition } from "../domain/label-selector.ts";
import { failpoint } from "../lib/failpoint.ts";
import type { AgentId, OrganizationId, PoolId } from "../lib/ids.ts";
import { hashToken, mintDerivedToken } from "../lib/tokens.ts";
import type { Queries } from "../store/ports.ts";
import { type Control, topics } from "./control.ts";
import type { Seat } from "./presence.ts";
import { conditionsOf } from "./selectors.ts";

/** How many queued jobs one look reads: of one organization in one pool, and of all. */
const bounds = { each: 500, limit: 2_000 };
/** The floor under the wake-ups: a lost one costs this long. */
const pollMs = 2_000;

/** The secret of one claim, which can be made again, so that a lost offer can be repeated. */
export const jobTokenOf = ({ vault }: Pick<Control, "vault">, { id, epoch }: Pick<Job, "id" | "epoch">): string =>
  mintDerivedToken("job", vault.tokenKey, `${id}/${epoch}`);

/** Gives queued jobs to free agents until the signal is aborted. */
export async function dispatchUntil(control: Control, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const seen = control.wake.version(topics.jobs);
    try {
      await dispatchOnce(control);
    } catch (error) {
      control.log.error({ err: error }, "dispatch failed: it is tried again");
    }
    await control.wake.changedSince(topics.jobs, seen, { timeoutMs: pollMs, signal }).catch(() => {});
  }
}

/** One look at the queue; answers how many jobs were offered. */
export async function dispatchOnce(control: Control): Promise<number> {
  const seats = control.presence.all().filter((seat) => seat.takesJobs && seat.jobs.size < seat.concurrency);
  if (seats.length === 0) return 0;
  const { order, jobs } = await control.store.read((q) => readQueue(q, seats, control.presence.turns.last));
  if (order.length === 0) return 0;
  const assignments = assign(
    order,
    seats.map((seat) => ({
      agentId: seat.agentId,
      poolId: seat.poolId,
      jobs: seat.jobs.size,
      concurrency: seat.concurrency,
      labels: seat.labels,
    })),
  );
  const offered = await Promise.all(
    assignments.map((assignment) => {
      const job = jobs.get(assignment.jobId);
      return job === undefined ? false : offer(control, job, assignment);
    }),
  );
  return offered.filter(Boolean).length;
}

interface Queue {
  readonly order: readonly Candidate[];
  readonly jobs: ReadonlyMap<Job["id"], Job>;
}

/** The queued jobs that a connected agent may take, in the order of dispatch. Grants are checked here again. */
async function readQueue(
  q: Queries,
  seats: readonly Seat[],
  served: ReadonlyMap<OrganizationId, number>,
): Promise<Queue> {
  const granted = await takeableJobs(q, seats);
  if (granted.length === 0) return { order: [], jobs: new Map() };
  const allowed = granted.map(({ job }) => job);
  const warm = await warmAgents(q, allowed);
  const running = new Map<OrganizationId, number>(
    (await q.jobs.runningByOrganization()).map((row) => [row.organizationId, row.count]),
  );
  const candidates = granted.map(({ job, conditions }) => ({
    id: job.id,
    organizationId: job.organizationId,
    poolId: job.poolId,
    runId: job.runId,
    phase: job.phase,
    rank: job.rank,
    urgency: job.urgency,
    queuedAt: job.queuedAt,
    warmAgentId: warm.get(job.runId) ?? null,
    conditions,
  }));
  return { order: dispatchOrder(candidates, running, served), jobs: new Map(allowed.map((job) => [job.id, job])) };
}

/** The jobs that one of the seats may take: only those of their pools are read, and of every organization a share. */
async function takeableJobs(q: Queries, seats: readonly Seat[]): Promise<readonly GrantedJob[]> {
  const byPool = Map.groupBy(seats, (seat) => seat.poolId);
  const granted = await grantedJobs(q, await q.jobs.candidates([...byPool.keys()], bounds));
  return granted.filter(
    ({ job, conditions }) =>
      byPool.get(job.poolId)?.some((seat) => isMatch(seat.labels, job.phase, conditions)) === true,
  );
}

interface GrantedJob {
  readonly job: Job;
  /** What the workspace wants of an agent. */
  readonly conditions: readonly LabelCondition[];
}

async function grantedJobs(q: Queries, jobs: readonly Job[]): Promise<readonly GrantedJob[]> {
  const workspaces = new Map(
    (await q.workspaces.byIds([...new Set(jobs.map((job) => job.workspaceId))])).map((row) => [row.id, row]),
  );
  const access = new Map<
    PoolId,
    { pool: NonNullable<Awaited<ReturnType<Queries["pools"]["get"]>>>; grants: ReadonlySet<string> }
  >();
  for (const poolId of new Set(jobs.flatMap((job) => job.poolId ?? []))) {
    const pool = await q.pools.get(poolId);
    if (pool !== undefined)
      access.set(poolId, { pool, grants: new Set(pool.isOrganizationScoped ? [] : await q.pools.grants(poolId)) });
  }
  return jobs.flatMap((job): GrantedJob[] => {
    const workspace = workspaces.get(job.workspaceId);
    if (workspace === undefined || workspace.poolId !== job.poolId) return [];
    const granted = [{ job, conditions: conditionsOf(workspace) }];
    if (job.poolId === null) return granted;
    const entry = access.get(job.poolId);
    return entry !== undefined && mayUse(entry.pool, entry.grants, workspace) ? granted : [];
  });
}

/** The agents that planned the runs of these applies. */
async function warmAgents(q: Queries, jobs: readonly Job[]): Promise<ReadonlyMap<Job["runId"], AgentId>> {
  const applies = jobs.filter((job) => job.phase === "apply").map((job) => job.runId);
  if (applies.length === 0) return new Map();
  const plans = (await q.jobs.ofRuns(applies)).filter((job) => job.phase === "plan");
  return new Map(plans.flatMap((job) => (job.agentId === null ? [] : [[job.runId, job.agentId] as const])));
}

async function offer(control: Control, job: Job, { agentId }: Assignment): Promise<boolean> {
  const seat = control.presence.get(agentId);
  if (seat === undefined) return false;
  const epoch = job.epoch + 1;
  const tokenHash = hashToken(jobTokenOf(control, { id: job.id, epoch }));
  const move = moveJob(
    job,
    { kind: "offered", agentId, agentName: seat.name, tokenHash },
    { now: control.clock.now(), leases: control.timing.leases },
  );
  if (move.kind !== "moved") return false;
  // Reserved before the claim is written, so that a second look cannot overload the agent.
  if (!seat.reserve(job.id, epoch)) return false;
  const isClaimed = await control.store
    .step((tx) => tx.jobs.saveIf(move.job, { epoch: job.epoch, status: "queued" }))
    .catch((error: unknown) => {
      seat.release(job.id, epoch);
      throw error;
    });
  if (!isClaimed) {
    seat.release(job.id, epoch);
    return false;
  }
  control.presence.turns.note(job.organizationId);
  control.wake.notify(topics.run(job.runId));
  control.log.info({ jobId: job.id, runId: job.runId, epoch, agentId }, "job offered");
  failpoint("server.offer-claimed");
  await seat.offer(move.job);
  return true;
}
