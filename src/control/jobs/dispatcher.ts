import type { LabelCondition } from "../../domain/agents/label-selector.ts";
import { type AgentPool, mayUse } from "../../domain/agents/pool.ts";
import {
  type Assignment,
  askedText,
  assign,
  type Candidate,
  dispatchOrder,
  Fits,
  mayHave,
} from "../../domain/runs/dispatch.ts";
import { type EngineRequirement, engineRequirementOf } from "../../domain/runs/engine.ts";
import { type Job, moveJob } from "../../domain/runs/job.ts";
import { featuresOf, type JobFeature, jobFeatures, knowsAll } from "../../domain/runs/job-features.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import type { AgentId, OrganizationId, PoolId } from "../../lib/words/ids.ts";
import { hashToken, mintDerivedToken } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type Control, topics } from "../core/control.ts";
import type { ConnectedAgent, Presence } from "../core/presence.ts";
import { conditionsOf } from "../core/selectors.ts";
import { declineOffer } from "./results.ts";

/** How many queued jobs one look reads: of one organization in one pool, and of all. */
interface Bounds {
  readonly each: number;
  readonly limit: number;
}

/** At most. */
const widest: Bounds = { each: 500, limit: 2_000 };
/**
 * At first a few for each free place, so that a look costs no more in a long queue than in a short one: most agents may take the first
 * that come. Only if places stay free, and more jobs wait, it is looked at as many as there may be.
 */
const boundsFor = (freePlaces: number): Bounds => ({
  each: Math.min(widest.each, Math.max(32, eachPerPlace * freePlaces)),
  limit: Math.min(widest.limit, Math.max(500, perPlace * freePlaces)),
});
const [eachPerPlace, perPlace] = [4, 16];
/** With so many free places all is read at once that is ever read. */
const mostPlaces = Math.max(widest.each / eachPerPlace, widest.limit / perPlace);
/** The floor under the wake-ups: a lost one costs this long. */
const pollMs = 2_000;

/** The secret of one claim, which can be made again, so that a lost offer can be repeated. */
export const jobTokenOf = ({ vault }: Pick<Control, "vault">, { id, epoch }: Pick<Job, "id" | "epoch">): string =>
  mintDerivedToken("job", vault.tokenKey, `${id}/${epoch}`);

/** How long a job that could not be described to its agent holds nobody up. */
const setAsideMs = 60_000;

/** Jobs that are left alone for a while: id to when, in milliseconds of the clock that only moves on. */
export type SetAside = Map<Job["id"], number>;

/** Gives queued jobs to free agents until the signal is aborted. */
export async function dispatchUntil(control: Control, signal: AbortSignal): Promise<void> {
  const aside: SetAside = new Map();
  while (!signal.aborted) {
    const seen = control.wake.version(topics.jobs);
    try {
      // What another process was faster with is gone; what comes behind it may be for agents here.
      while ((await look(control, aside)).isBeaten && !signal.aborted);
    } catch (error) {
      control.log.error({ err: error }, "dispatch failed: it is tried again");
    }
    await control.wake.changedSince(topics.jobs, seen, { timeoutMs: pollMs, signal }).catch(() => {});
  }
}

/** One look at the queue; answers how many jobs were offered. */
export const dispatchOnce = async (control: Control, aside: SetAside = new Map()): Promise<number> =>
  (await look(control, aside)).offered;

interface Looked {
  readonly offered: number;
  /** Another process has taken a job that was read here as queued. */
  readonly isBeaten: boolean;
}

const nothing: Looked = { offered: 0, isBeaten: false };

async function look(control: Control, aside: SetAside): Promise<Looked> {
  const { presence, wake } = control;
  const free = freeIn(presence);
  if (free.pools.length === 0) return nothing;
  const now = control.clock.monotonicMs();
  for (const [id, untilMs] of aside) if (untilMs <= now) aside.delete(id);
  const turnOf = (id: OrganizationId) => wake.version(topics.turn(id));
  const agents = { pools: free.pools, presence, turnOf };
  const chosen = async (bounds: Bounds) => {
    const queue = await control.store.read((q) => readQueue(q, { ...agents, bounds }));
    const order = queue.order.filter(({ id }) => !aside.has(id));
    return { ...queue, assignments: assign(order, presence) };
  };
  const first = await chosen(boundsFor(free.places));
  const isAll = free.places >= mostPlaces || !first.isCut;
  const isEnough = isAll || first.assignments.length >= free.places;
  const { jobs, assignments } = isEnough ? first : await chosen(widest);
  if (assignments.length === 0) return nothing;
  // Each to its end: what one of them throws does not leave the others to nobody.
  const offers = await Promise.allSettled(
    assignments.map((assignment) => {
      const job = jobs.get(assignment.jobId);
      return job === undefined ? "left" : offer(control, aside, { job, assignment });
    }),
  );
  const failed = offers.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const ends = offers.map((one) => (one.status === "fulfilled" ? one.value : "left"));
  return { offered: ends.filter((end) => end === "offered").length, isBeaten: ends.includes("beaten") };
}

/** Where agents have room. */
interface Free {
  readonly pools: readonly (PoolId | null)[];
  /** How many places, counted as far as it matters. */
  readonly places: number;
}

/** The agents of a pool are looked at until one has room, and until there are more places than matter. */
function freeIn(presence: Presence): Free {
  const pools: (PoolId | null)[] = [];
  let places = 0;
  for (const [poolId, agents] of presence.pools()) {
    let isFree = false;
    for (const connected of agents) {
      if (isFree && places >= mostPlaces) break;
      if (!hasRoom(connected)) continue;
      isFree = true;
      places += connected.concurrency - connected.jobs.size;
    }
    if (isFree) pools.push(poolId);
  }
  return { pools, places };
}

const hasRoom = (connected: ConnectedAgent): boolean =>
  connected.jobs.size < connected.concurrency && connected.takesJobs;

/** The agents that one look at the queue is for. */
interface Look {
  /** Those in which one has room. */
  readonly pools: readonly (PoolId | null)[];
  readonly presence: Presence;
  /** Numbers the last turn of an organization, here or at another process: the newest is the greatest. */
  readonly turnOf: (organizationId: OrganizationId) => number;
  readonly bounds: Bounds;
}

interface Queue {
  readonly order: readonly Candidate[];
  readonly jobs: ReadonlyMap<Job["id"], Job>;
  /** Perhaps more wait than the bounds let in. */
  readonly isCut: boolean;
}

/** The queued jobs that a connected agent may take, in the order of dispatch. Grants are checked here again. */
async function readQueue(q: Queries, look: Look): Promise<Queue> {
  const read = await q.jobs.candidates(look.pools, look.bounds);
  const isCut = isCutBy(look.bounds, read);
  const granted = await takeableJobs(q, read, look);
  if (granted.length === 0) return { order: [], jobs: new Map(), isCut };
  const allowed = granted.map(({ job }) => job);
  const warm = await warmAgents(q, allowed);
  const running = new Map<OrganizationId, number>(
    (await q.jobs.runningByOrganization()).map((row) => [row.organizationId, row.count]),
  );
  const candidates = granted.map(({ job, conditions, wish, needs }) => ({
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
    wish,
    needs,
  }));
  const waiting = new Set(candidates.map(({ organizationId }) => organizationId));
  const served = new Map([...waiting].map((id) => [id, look.turnOf(id)]));
  const order = dispatchOrder(candidates, running, served);
  return { order, jobs: new Map(allowed.map((job) => [job.id, job])), isCut };
}

/** All that wait were read if neither all together nor one organization in one pool has come to its bound. */
function isCutBy({ each, limit }: Bounds, read: readonly Job[]): boolean {
  if (read.length >= limit) return true;
  const shares = Map.groupBy(read, ({ organizationId, poolId }) => `${organizationId} ${poolId}`);
  return [...shares.values()].some((share) => share.length >= each);
}

/** The jobs that one of the agents may take: of those that were read of their pools, of every organization a share. */
async function takeableJobs(q: Queries, read: readonly Job[], look: Look): Promise<readonly GrantedJob[]> {
  const granted = await withNeeds(q, await grantedJobs(q, read), look);
  const fits = new Fits();
  const known = new Map<string, boolean>();
  const isTakeable = ({ job, ...asked }: GrantedJob): boolean => {
    const wanted = { ...asked, phase: job.phase, poolId: job.poolId };
    const text = askedText(wanted);
    const found =
      known.get(text) ?? some(look.presence.inPool(job.poolId), (one) => hasRoom(one) && mayHave(one, wanted, fits));
    known.set(text, found);
    return found;
  };
  return granted.filter(isTakeable);
}

/** Jobs that ask for the same are looked for once. */
function some<T>(items: Iterable<T>, isSo: (item: T) => boolean): boolean {
  for (const item of items) if (isSo(item)) return true;
  return false;
}

interface GrantedJob {
  readonly job: Job;
  /** What the workspace wants of an agent. */
  readonly conditions: readonly LabelCondition[];
  /** Which program its run wants. */
  readonly wish: EngineRequirement;
  /** What its agent has to know. */
  readonly needs: readonly JobFeature[];
}

/** What the jobs need; the runs are read only where an agent is there that does not know everything. */
async function withNeeds(q: Queries, jobs: readonly GrantedJob[], { presence }: Look): Promise<readonly GrantedJob[]> {
  const isOld = ({ features }: ConnectedAgent) => !knowsAll(features, jobFeatures);
  const pools = new Set(jobs.map(({ job }) => job.poolId));
  if (!some(pools, (poolId) => some(presence.inPool(poolId), isOld))) return jobs;
  const runs = new Map((await q.runs.byIds(jobs.map(({ job }) => job.runId))).map((run) => [run.id, run]));
  return jobs.map((one) => {
    const run = runs.get(one.job.runId);
    return run === undefined ? one : { ...one, needs: featuresOf(run.options, one.job.phase) };
  });
}

async function grantedJobs(q: Queries, jobs: readonly Job[]): Promise<readonly GrantedJob[]> {
  const workspaces = new Map(
    (await q.workspaces.byIds([...new Set(jobs.map((job) => job.workspaceId))])).map((row) => [row.id, row]),
  );
  const access = new Map<PoolId, { readonly pool: AgentPool; readonly grants: ReadonlySet<string> }>();
  for (const poolId of new Set(jobs.flatMap((job) => job.poolId ?? []))) {
    const pool = await q.pools.get(poolId);
    if (pool !== undefined)
      access.set(poolId, { pool, grants: new Set(pool.isOrganizationScoped ? [] : await q.pools.grants(poolId)) });
  }
  return jobs.flatMap((job): GrantedJob[] => {
    const workspace = workspaces.get(job.workspaceId);
    if (workspace === undefined || workspace.poolId !== job.poolId) return [];
    const granted = [
      { job, conditions: conditionsOf(workspace), wish: engineRequirementOf(job, workspace), needs: [] },
    ];
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

/** `beaten`: another process has claimed the job. `left`: it stays where it is. */
type OfferEnd = "offered" | "beaten" | "left";

interface Offer {
  readonly job: Job;
  readonly assignment: Assignment;
}

async function offer(control: Control, aside: SetAside, { job, assignment }: Offer): Promise<OfferEnd> {
  const { agentId } = assignment;
  const connected = control.presence.get(agentId);
  if (connected === undefined) return "left";
  const epoch = job.epoch + 1;
  const tokenHash = hashToken(jobTokenOf(control, { id: job.id, epoch }));
  const move = moveJob(
    job,
    { kind: "offered", agentId, agentName: connected.name, tokenHash },
    { now: control.clock.now(), leases: control.timing.leases },
  );
  if (move.kind !== "moved") return "left";
  // Reserved before the claim is written, so that a second look cannot overload the agent.
  if (!connected.reserve(job.id, epoch)) return "left";
  const isClaimed = await control.store
    .step((tx) => tx.jobs.saveIf(move.job, { epoch: job.epoch, status: "queued", read: job }))
    .catch((error: unknown) => {
      connected.release(job.id, epoch);
      throw error;
    });
  if (!isClaimed) {
    connected.release(job.id, epoch);
    return "beaten";
  }
  control.wake.notify(topics.turn(job.organizationId));
  control.wake.notify(topics.run(job.runId));
  control.log.info({ jobId: job.id, runId: job.runId, epoch, agentId }, "job offered");
  failpoint("server.offer-claimed");
  try {
    await connected.offer(move.job);
    return "offered";
  } catch (error) {
    control.log.error({ err: error, jobId: job.id, runId: job.runId }, "a job cannot be offered: it is set aside");
    aside.set(job.id, control.clock.monotonicMs() + setAsideMs);
    connected.release(job.id, epoch);
    await declineOffer(control, { jobId: job.id, epoch, agentId });
    return "left";
  }
}
