import { LeastFirst } from "../../lib/values/least-first.ts";
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
  readonly jobs: { readonly size: number };
  readonly concurrency: number;
  /** False while it is paused, draining or about to leave. */
  readonly takesJobs: boolean;
  readonly labels: Labels;
  readonly engines: AgentEngines | null;
  readonly features: ReadonlySet<JobFeature>;
  /** Why it could not have what it was asked for lately, whatever it says; by the wish's text. */
  readonly unmet: ReadonlyMap<string, string>;
  /** Why the job is not offered to it again for now; undefined if it may be. */
  readonly whyDeclined: (jobId: JobId) => string | undefined;
}

/** The connected agents. */
export interface Agents {
  get(agentId: AgentId): AgentSlot | undefined;
  /** Those of a pool: the one first that has got no job and ended none for longest. */
  inPool(poolId: PoolId | null): Iterable<AgentSlot>;
}

/** What a job asks of an agent. */
export type AskedOfAgent = Pick<Candidate, "poolId" | "phase" | "conditions" | "needs" | "wish">;

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
export function assign(jobs: readonly Candidate[], agents: Agents): readonly Assignment[] {
  const given = new Map<AgentId, number>();
  const choices = new Map<string, Choice>();
  const fits = new Fits();
  return jobs.flatMap((job) => {
    const key = askedText(job);
    const choice = choices.get(key) ?? new Choice(job, { agents, fits, given });
    choices.set(key, choice);
    const slot = choice.best(job);
    if (slot === undefined) return [];
    given.set(slot.agentId, (given.get(slot.agentId) ?? 0) + 1);
    return [{ jobId: job.id, agentId: slot.agentId }];
  });
}

/** Jobs that ask for the same have the same text. */
export const askedText = ({ poolId, phase, conditions, needs, wish }: AskedOfAgent): string =>
  JSON.stringify([poolId, phase, conditions, needs, requirementText(wish)]);

const contents = new WeakMap<AgentEngines, string>();

/** Agents that can have the same have the same text, which is made once of each. */
function contentOf(engines: AgentEngines | null): string {
  if (engines === null) return "";
  const known = contents.get(engines);
  if (known !== undefined) return known;
  const content = JSON.stringify([engines.programs, engines.downloads]);
  contents.set(engines, content);
  return content;
}

/** Who fits what, in one look at the agents: many jobs ask for the same, and many agents have the same. */
export class Fits {
  readonly #texts = new Map<EngineRequirement, string>();
  readonly #known = new Map<string, Map<string, EngineFit>>();

  /** How an agent can have what a job asks for. */
  of({ engines }: Pick<AgentSlot, "engines">, wish: EngineRequirement): EngineFit {
    const key = this.#textOf(wish);
    const known = this.#known.get(key) ?? new Map<string, EngineFit>();
    const content = contentOf(engines);
    const fit = known.get(content);
    if (fit !== undefined) return fit;
    const found = engineFit(engines, wish);
    this.#known.set(key, known.set(content, found));
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

interface Place {
  readonly slot: AgentSlot;
  /** The lower, the better. */
  readonly rank: number;
  /** The place among all: the one idle longest is before the others. */
  readonly index: number;
  /** Jobs that it has; more may have been given to it since for jobs that ask for something else. */
  readonly jobs: number;
}

const loadOf = ({ slot, jobs }: Place): number => jobs / slot.concurrency;

const goesBefore = (a: Place, b: Place): boolean => (a.rank - b.rank || loadOf(a) - loadOf(b) || a.index - b.index) < 0;

/** Nobody who was idle for less time goes before it. */
const isBest = (place: Place | undefined): boolean => place?.rank === 0 && place.jobs === 0;

interface Choosing {
  readonly agents: Agents;
  readonly fits: Fits;
  /** Jobs that were given to agents in this look. */
  readonly given: ReadonlyMap<AgentId, number>;
}

/** The agents for jobs that ask for the same: each is looked at once, however many jobs there are, and no more than it takes. */
class Choice {
  readonly #asked: AskedOfAgent;
  readonly #choosing: Choosing;
  readonly #wish: string;
  readonly #others: Iterator<AgentSlot>;
  readonly #places = new LeastFirst<Place>(goesBefore);
  #looked = 0;
  #isAnyAble: boolean | undefined;

  constructor(asked: AskedOfAgent, choosing: Choosing) {
    this.#asked = asked;
    this.#choosing = choosing;
    this.#wish = requirementText(asked.wish);
    this.#others = choosing.agents.inPool(asked.poolId)[Symbol.iterator]();
  }

  /** The best of them that has room, if one has; it is not taken yet. */
  best({ id, warmAgentId, poolId }: Candidate): AgentSlot | undefined {
    const isWilling = (slot: AgentSlot) => slot.whyDeclined(id) === undefined;
    const warm = warmAgentId === null ? undefined : this.#choosing.agents.get(warmAgentId);
    if (warm?.poolId === poolId && isWilling(warm) && this.#isOpen(warm)) return warm;
    const declined: Place[] = [];
    let place = this.#next();
    for (; place !== undefined && !isWilling(place.slot); place = this.#next()) {
      this.#places.take();
      declined.push(place);
    }
    for (const each of declined) this.#places.put(each);
    return place?.slot;
  }

  /** The one that goes before all others. */
  #next(): Place | undefined {
    for (;;) {
      const place = this.#places.least;
      const jobs = place === undefined ? 0 : this.#jobsOf(place.slot);
      if (place !== undefined && jobs !== place.jobs) {
        this.#places.take();
        if (jobs < place.slot.concurrency) this.#places.put({ ...place, jobs });
      } else if (isBest(place) || !this.#lookFurther()) return place;
    }
  }

  /** False if all have been looked at. */
  #lookFurther(): boolean {
    const { value: slot, done } = this.#others.next();
    if (done === true) return false;
    const index = this.#looked++;
    if (this.#isOpen(slot)) {
      const rank = ranks[this.#choosing.fits.of(slot, this.#asked.wish)];
      this.#places.put({ slot, index, rank, jobs: this.#jobsOf(slot) });
    }
    return true;
  }

  /** Whether it has room and can have it. Who could not have it lately can not, as long as there is another. */
  #isOpen(slot: AgentSlot): boolean {
    const { fits } = this.#choosing;
    if (this.#jobsOf(slot) >= slot.concurrency || !slot.takesJobs || !mayHave(slot, this.#asked, fits)) return false;
    if (!slot.unmet.has(this.#wish)) return true;
    this.#isAnyAble ??= [...this.#choosing.agents.inPool(this.#asked.poolId)].some(
      (other) => !other.unmet.has(this.#wish) && mayHave(other, this.#asked, fits),
    );
    return !this.#isAnyAble;
  }

  #jobsOf({ agentId, jobs }: AgentSlot): number {
    return jobs.size + (this.#choosing.given.get(agentId) ?? 0);
  }
}

/** Whether an agent of the job's pool may take it some day: nothing but its program, labels and age keeps it from it. */
export const mayHave = (
  slot: Pick<AgentSlot, "labels" | "features" | "engines">,
  { phase, conditions, needs, wish }: Omit<AskedOfAgent, "poolId">,
  fits: Fits,
): boolean =>
  isMatch(slot.labels, phase, conditions) && knowsAll(slot.features, needs) && fits.of(slot, wish) !== "lacks";

/** Whether an agent with these labels takes jobs of a phase: both, unless its label `accept` names one. */
export function accepts(labels: Labels, phase: JobPhase): boolean {
  const only = labels[acceptLabel];
  return (only !== "plan" && only !== "apply") || only === phase;
}

/** Whether an agent with these labels may take a job of a phase from a workspace whose selector says so. */
export const isMatch = (labels: Labels, phase: JobPhase, conditions: readonly LabelCondition[]): boolean =>
  accepts(labels, phase) && meets(labels, conditions);
