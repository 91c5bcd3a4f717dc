import type { AgentId, JobId, OrganizationId, PoolId, RunId } from "../lib/ids.ts";
import { isMatch } from "./agent.ts";
import type { JobPhase } from "./job.ts";
import type { LabelCondition, Labels } from "./label-selector.ts";
import type { Urgency } from "./run.ts";

/** A job that waits, with what decides its turn. */
export interface Candidate {
  readonly id: JobId;
  readonly organizationId: OrganizationId;
  readonly poolId: PoolId | null;
  readonly runId: RunId;
  readonly phase: JobPhase;
  /** 0 applies, 1 plans, 2 plan-only. */
  readonly rank: number;
  readonly urgency: Urgency;
  readonly queuedAt: Date;
  /** The agent that planned this run: its directory is warm. */
  readonly warmAgentId: AgentId | null;
  /** What an agent's labels must meet. */
  readonly conditions: readonly LabelCondition[];
}

/** A connected agent that takes jobs. */
export interface Seat {
  readonly agentId: AgentId;
  readonly poolId: PoolId | null;
  readonly jobs: number;
  readonly concurrency: number;
  readonly labels: Labels;
}

export interface Assignment {
  readonly jobId: JobId;
  readonly agentId: AgentId;
}

/**
 * The order of dispatch: applies before plans before plan-only, then the more urgent first, then fair between
 * organizations (the one with fewer jobs taken so far goes first, of equals the one whose last turn is longest ago), then oldest
 * first. `running` counts the jobs each organization has on agents now; `served` numbers their last turns, the newest the greatest.
 */
export function dispatchOrder(
  jobs: readonly Candidate[],
  running: ReadonlyMap<OrganizationId, number>,
  served: ReadonlyMap<OrganizationId, number> = new Map(),
): readonly Candidate[] {
  const standing = { taken: new Map(running), served: new Map(served) };
  const { taken } = standing;
  let turn = Math.max(0, ...served.values());
  const lanes = new Map<string, Candidate[]>();
  const oldestFirst = jobs.toSorted(
    (a, b) => precedence(a, b) || a.queuedAt.getTime() - b.queuedAt.getTime() || (a.id < b.id ? -1 : 1),
  );
  for (const job of oldestFirst) {
    const lane = `${job.rank}/${job.urgency}/${job.organizationId}`;
    const waiting = lanes.get(lane);
    if (waiting === undefined) lanes.set(lane, [job]);
    else waiting.push(job);
  }
  const ordered: Candidate[] = [];
  while (lanes.size > 0) {
    const [key, lane] = [...lanes].reduce((best, next) => (precedes(next[1][0], best[1][0], standing) ? next : best));
    const job = lane.shift();
    if (lane.length === 0) lanes.delete(key);
    if (job === undefined) continue;
    taken.set(job.organizationId, (taken.get(job.organizationId) ?? 0) + 1);
    turn += 1;
    standing.served.set(job.organizationId, turn);
    ordered.push(job);
  }
  return ordered;
}

/** Below 0: `a` goes first whoever they belong to. */
const precedence = (a: Candidate, b: Candidate): number => a.rank - b.rank || a.urgency - b.urgency;

/** What each organization has had: jobs, and its last turn. */
interface Standing {
  readonly taken: ReadonlyMap<OrganizationId, number>;
  readonly served: ReadonlyMap<OrganizationId, number>;
}

function precedes(a: Candidate | undefined, b: Candidate | undefined, { taken, served }: Standing): boolean {
  if (a === undefined || b === undefined) return b === undefined;
  const load = (job: Candidate): number => taken.get(job.organizationId) ?? 0;
  const lastTurn = (job: Candidate): number => served.get(job.organizationId) ?? 0;
  const first = precedence(a, b) || load(a) - load(b) || lastTurn(a) - lastTurn(b);
  return first === 0 ? a.queuedAt < b.queuedAt : first < 0;
}

/** Which agent takes which job: of those of its pool that match, the warm one if it has room, else the least loaded. */
export function assign(jobs: readonly Candidate[], seats: readonly Seat[]): readonly Assignment[] {
  const load = new Map(seats.map((seat) => [seat.agentId, seat.jobs]));
  const byPool = Map.groupBy(seats, (seat) => seat.poolId);
  return jobs.flatMap((job) => {
    const seat = bestSeat(job, byPool.get(job.poolId) ?? [], load);
    if (seat === undefined) return [];
    load.set(seat.agentId, (load.get(seat.agentId) ?? 0) + 1);
    return [{ jobId: job.id, agentId: seat.agentId }];
  });
}

function bestSeat(job: Candidate, seats: readonly Seat[], load: ReadonlyMap<AgentId, number>): Seat | undefined {
  const jobsOf = (seat: Seat): number => load.get(seat.agentId) ?? seat.jobs;
  let best: Seat | undefined;
  for (const seat of seats) {
    if (jobsOf(seat) >= seat.concurrency || !isMatch(seat.labels, job.phase, job.conditions)) continue;
    if (seat.agentId === job.warmAgentId) return seat;
    if (best === undefined || jobsOf(seat) / seat.concurrency < jobsOf(best) / best.concurrency) best = seat;
  }
  return best;
}
