import type { AgentId, JobId, OrganizationId, PoolId, RunId } from "../../lib/words/ids.ts";
import { acceptLabel } from "../../lib/words/label-names.ts";
import type { AgentEngines } from "../agents/agent.ts";
import { type LabelCondition, type Labels, meets } from "../agents/label-selector.ts";
import { type EngineFit, type EngineRequirement, engineFit, requirementText } from "./engine.ts";
import type { JobPhase, Urgency } from "./job.ts";
import { type JobFeature, knowsAll } from "./job-features.ts";

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
  /** Which program it asks for. */
  readonly wish: EngineRequirement;
  /** What its agent has to know. */
  readonly needs: readonly JobFeature[];
}

/** A connected agent. */
export interface AgentSlot {
  readonly agentId: AgentId;
  readonly poolId: PoolId | null;
  readonly jobs: number;
  readonly concurrency: number;
  /** False while it is paused, draining or about to leave. */
  readonly takesJobs: boolean;
  readonly labels: Labels;
  readonly engines: AgentEngines | null;
  readonly features: ReadonlySet<JobFeature>;
  /** Why it could not have what it was asked for lately, whatever it says; by the wish's text. */
  readonly unmet: ReadonlyMap<string, string>;
  /** Since when it has got no job and ended none, on a clock that only goes forward. */
  readonly idleSinceMs: number;
  /** Why the job is not offered to it again for now; undefined if it may be. */
  readonly whyDeclined: (jobId: JobId) => string | undefined;
}

export interface Assignment {
  readonly jobId: JobId;
  readonly agentId: AgentId;
}

/**
 * The order of dispatch: applies before plans before plan-only, then the more urgent first, then fair between
 * organizations (the one with fewer jobs taken so far goes first, of equals the one whose last turn is longest ago),
 * then oldest first. `running` counts the jobs each organization has on agents now; `served` numbers their last turns,
 * the newest the greatest.
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

/** Below 0: `a` goes first, whichever organizations they belong to. */
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

/**
 * Which agent takes which job. An agent is fit if it is of the job's pool, matches its selector, knows its options and can
 * have its program. Among fit agents the warm one goes first if it has room; then those that have the program before
 * those that download it; then the least loaded; then the one idle longest. A fit agent that is busy is waited for.
 */
export function assign(jobs: readonly Candidate[], slots: readonly AgentSlot[]): readonly Assignment[] {
  const load = new Map(slots.map((slot) => [slot.agentId, slot.jobs]));
  const byPool = Map.groupBy(slots, (slot) => slot.poolId);
  const fits = new Fits();
  return jobs.flatMap((job) => {
    const slot = bestSlot({ job, fits, load }, byPool.get(job.poolId) ?? []);
    if (slot === undefined) return [];
    load.set(slot.agentId, (load.get(slot.agentId) ?? 0) + 1);
    return [{ jobId: job.id, agentId: slot.agentId }];
  });
}

/** Who fits what, in one look at the agents: many jobs ask for the same. */
export class Fits {
  readonly #texts = new Map<EngineRequirement, string>();
  readonly #known = new Map<string, Map<AgentEngines | null, EngineFit>>();

  /** How an agent can have what a job asks for. */
  of({ engines }: Pick<AgentSlot, "engines">, wish: EngineRequirement): EngineFit {
    const key = this.#textOf(wish);
    const known = this.#known.get(key) ?? new Map<AgentEngines | null, EngineFit>();
    const fit = known.get(engines);
    if (fit !== undefined) return fit;
    const found = engineFit(engines, wish);
    this.#known.set(key, known.set(engines, found));
    return found;
  }

  /** Those that can have it. Who could not have it lately is none of them as long as there is another. */
  among<S extends Pick<AgentSlot, "engines" | "unmet">>(wish: EngineRequirement, slots: readonly S[]): readonly S[] {
    const fit = slots.filter((slot) => this.of(slot, wish) !== "lacks");
    const text = this.#textOf(wish);
    const able = fit.filter(({ unmet }) => !unmet.has(text));
    return able.length > 0 ? able : fit;
  }

  #textOf(wish: EngineRequirement): string {
    const known = this.#texts.get(wish);
    if (known !== undefined) return known;
    const text = requirementText(wish);
    this.#texts.set(wish, text);
    return text;
  }
}

/** The lower, the better. */
const ranks: Readonly<Record<EngineFit, number>> = { has: 0, unknown: 1, "may-download": 2, lacks: 3 };

interface Choice {
  readonly job: Candidate;
  readonly fits: Fits;
  readonly load: ReadonlyMap<AgentId, number>;
}

function bestSlot({ job, fits, load }: Choice, slots: readonly AgentSlot[]): AgentSlot | undefined {
  const matching = slots.filter(
    ({ labels, features }) => isMatch(labels, job.phase, job.conditions) && knowsAll(features, job.needs),
  );
  const jobsOf = (slot: AgentSlot): number => load.get(slot.agentId) ?? slot.jobs;
  const hasRoom = (slot: AgentSlot): boolean => slot.takesJobs && jobsOf(slot) < slot.concurrency;
  const loadOf = (slot: AgentSlot): number => jobsOf(slot) / slot.concurrency;
  const rankOf = (slot: AgentSlot): number => ranks[fits.of(slot, job.wish)];
  const goesBefore = (a: AgentSlot, b: AgentSlot): boolean =>
    (rankOf(a) - rankOf(b) || loadOf(a) - loadOf(b) || a.idleSinceMs - b.idleSinceMs) < 0;
  let best: AgentSlot | undefined;
  for (const slot of fits.among(job.wish, matching)) {
    if (!hasRoom(slot) || slot.whyDeclined(job.id) !== undefined) continue;
    if (slot.agentId === job.warmAgentId) return slot;
    if (best === undefined || goesBefore(slot, best)) best = slot;
  }
  return best;
}

/** Whether an agent with these labels takes jobs of a phase: both, unless its label `accept` names one. */
export function accepts(labels: Labels, phase: JobPhase): boolean {
  const only = labels[acceptLabel];
  return (only !== "plan" && only !== "apply") || only === phase;
}

/** Whether an agent with these labels may take a job of a phase from a workspace whose selector says so. */
export const isMatch = (labels: Labels, phase: JobPhase, conditions: readonly LabelCondition[]): boolean =>
  accepts(labels, phase) && meets(labels, conditions);
