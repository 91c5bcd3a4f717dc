import type { AgentEngines } from "../../domain/agents/agent.ts";
import type { Labels } from "../../domain/agents/label-selector.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { JobFeature } from "../../domain/runs/job-features.ts";
import { DesiredState, type HeldJob } from "../../gen/windlass/agent/v1/job_pb.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import type { AgentId, JobId, PoolId } from "../../lib/words/ids.ts";
import { Declines } from "./declines.ts";

/** Why a stream is ended from this side. */
export type PartingReason = "superseded" | "revoked" | "deleted" | "draining";

/** What can be seen of a connected agent, whichever process it is connected to. */
export interface PresentAgent {
  readonly agentId: AgentId;
  readonly name: string;
  /** Of its program. */
  readonly version: string;
  readonly poolId: PoolId | null;
  readonly bootId: string;
  readonly sessionEpoch: number;
  readonly concurrency: number;
  /** What selectors see of it. */
  readonly labels: Labels;
  /** What it says that its jobs can have; null if it does not say. */
  readonly engines: AgentEngines | null;
  /** Which later options of jobs it knows. */
  readonly features: ReadonlySet<JobFeature>;
  /** Why it could not have what it was asked for lately, by the wish's text. */
  readonly unmet: ReadonlyMap<string, string>;
  /** Jobs it was offered or runs: id to epoch. */
  readonly jobs: ReadonlyMap<JobId, number>;
  /** True while it may get offers: connected, resumed, neither paused nor draining. */
  readonly takesJobs: boolean;
  /** Why it takes none for now, or not the one that it declined, though nobody paused it; empty otherwise. */
  readonly refusal: string;
  /**
   * What stands between it and the server, as it said last (empty if nothing does), and whether its stream has ended
   * because the next one comes at once.
   */
  readonly way: { readonly problem: string; readonly handsOver: boolean };
  /** Why this job is not offered to it again for now: it declined it; undefined if it may be. */
  whyDeclined(jobId: JobId): string | undefined;
  /** What it said last of its disk; 0 if nothing yet. */
  readonly freeDiskBytes: bigint;
}

/** One agent that is connected to this process, as its session keeps it in memory. */
export interface ConnectedAgent extends PresentAgent {
  /** Monotonic milliseconds of its last message. That its stream ends is none. */
  readonly heardAtMs: number;
  /** When that was. */
  readonly heardAt: Date;
  /** Counts a job against its concurrency; false if there is no room or the stream is gone. */
  reserve(jobId: JobId, epoch: number): boolean;
  /** Takes a reservation back. */
  release(jobId: JobId, epoch: number): void;
  /** Sends it a job that was claimed for it. A lost offer goes back to the queue by its lease. */
  offer(job: Job): Promise<void>;
  /** Remembers for a while that it could not have what a job asked for. */
  noteUnmet(wish: string, why: string): void;
  /** Shows operators a problem with this agent, for as long as it is connected. */
  warn(text: string): void;
  /** Ends the stream, with a reason for the agent. */
  close(reason: PartingReason, detail: string): void;
}

/** What another process says of an agent: that it is connected there, or has registered there and has no stream. */
export type ElsewhereAgent =
  | {
      readonly kind: "connected";
      readonly present: PresentAgent;
      readonly progress: ReadonlyMap<string, JobProgress>;
      /** Jobs that are not offered to it again for now. */
      readonly declined: ReadonlySet<JobId>;
    }
  | { readonly kind: "arriving"; readonly arrival: Omit<Arrival, "atMs"> };

/** How far a job is. */
export interface JobProgress {
  /** How many resources it has dealt with; 0 if that is not known. */
  readonly resourcesDone: number;
  /** What takes long while it is prepared, as the end of a sentence; empty if nothing does. */
  readonly preparing: string;
  /** The same of what came of it and is delivered. */
  readonly delivering: string;
  /** What its agent has heard that is wanted of it; unspecified if it has not, or does not say. */
  readonly desired: DesiredState;
  /** What its agent cannot do for it because of what stands in its way, as the end of a sentence; empty if nothing does. */
  readonly wayProblem: string;
}

const notKnown: JobProgress = {
  resourcesDone: 0,
  preparing: "",
  delivering: "",
  desired: DesiredState.UNSPECIFIED,
  wayProblem: "",
};

/** Of how many agents is known what they have declined. */
const mostDeclining = 10_000;

/** An agent that has registered and has no stream. */
export interface Arrival {
  readonly agentId: AgentId;
  readonly name: string;
  readonly poolId: PoolId | null;
  /** What the server sees that keeps it from opening one; empty if nothing. */
  readonly wayProblem: string;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

/** `has registered and opens no stream: a proxy …`. */
export const arrivalText = ({ wayProblem }: Pick<Arrival, "wayProblem">): string =>
  `has registered and ${wayProblem === "" ? "has no stream so far" : `opens no stream: ${wayProblem}`}`;

/** An agent that does not get in registers again within this time, whatever it waits for. */
const arrivalMs = 90_000;
const maxArrivals = 10_000;

/** An agent came or went. */
export interface Coming {
  readonly at: Date;
  readonly kind: "connected" | "disconnected";
  readonly address: string;
  /** Of its program. */
  readonly version: string;
  /** Why its stream ended; empty if that is not known, and where it came. */
  readonly detail: string;
}

/** How many are remembered of one agent, and of how many agents. */
const mostComings = 50;
const mostComers = 10_000;

const none: ReadonlySet<ConnectedAgent> = new Set();

/**
 * Who is connected to this process, and what others say of who is connected to them: a cache of the truth in the database, for
 * speed only.
 */
export class Presence {
  /** Monotonic milliseconds of the start: before it nobody could be heard. */
  readonly startedMs: number;
  readonly #connectedAgents = new Map<AgentId, ConnectedAgent>();
  /** The same by pool, each by when it has got a job or ended one last: longest ago first. */
  readonly #pools = new Map<PoolId | null, Set<ConnectedAgent>>();
  /** How far jobs are, as their agents said last. */
  readonly #declines = new Map<AgentId, Declines>();
  readonly #progress = new Map<AgentId, ReadonlyMap<string, JobProgress>>();
  readonly #arrivals = new Map<AgentId, Arrival>();
  readonly #comings = new Map<AgentId, readonly Coming[]>();
  #elsewhere: ReadonlyMap<AgentId, ElsewhereAgent> = new Map();

  constructor(startedMs = 0) {
    this.startedMs = startedMs;
  }

  /** What an agent has declined, whatever stream it declined it on; undefined if nothing. */
  declinesOf(agentId: AgentId): Declines | undefined {
    return this.#declines.get(agentId);
  }

  /** Whether some agent has declined this job, now or a while ago. */
  isDeclined(jobId: JobId): boolean {
    for (const declines of this.#declines.values()) if (declines.has(jobId)) return true;
    for (const told of this.#elsewhere.values()) if (told.kind === "connected" && told.declined.has(jobId)) return true;
    return false;
  }

  /** An agent declined a job at this moment. */
  noteDecline(agentId: AgentId, declined: { readonly jobId: JobId; readonly reason: string }, nowMs: number): void {
    const declines = this.#declines.get(agentId) ?? new Declines();
    declines.note(declined.jobId, declined.reason, nowMs);
    this.#declines.delete(agentId);
    this.#declines.set(agentId, declines);
    const [oldest] = this.#declines.keys();
    if (this.#declines.size > mostDeclining && oldest !== undefined) this.#declines.delete(oldest);
  }

  /** Remembers that an agent came or went; those that did so longest ago are forgotten first. */
  noteComing(agentId: AgentId, coming: Coming): void {
    const known = this.#comings.get(agentId) ?? [];
    this.#comings.delete(agentId);
    this.#comings.set(agentId, [coming, ...known.slice(0, mostComings - 1)]);
    const [oldest] = this.#comings.keys();
    if (this.#comings.size > mostComers && oldest !== undefined) this.#comings.delete(oldest);
  }

  /** How an agent came and went since the start, newest first. */
  comingsOf(agentId: AgentId): readonly Coming[] {
    return this.#comings.get(agentId) ?? [];
  }

  /** An agent that this process can talk to. */
  get(agentId: AgentId): ConnectedAgent | undefined {
    return this.#connectedAgents.get(agentId);
  }

  /** All of them. */
  all(): readonly ConnectedAgent[] {
    return [...this.#connectedAgents.values()];
  }

  /** An agent has got a job, or has ended one. */
  noteWork(connected: ConnectedAgent): void {
    const pool = this.#pools.get(connected.poolId);
    if (pool?.delete(connected)) pool.add(connected);
  }

  /** Those that this process can talk to, by pool; in each the one that is idle longest is first. */
  pools(): ReadonlyMap<PoolId | null, ReadonlySet<ConnectedAgent>> {
    return this.#pools;
  }

  /** Those of one pool. */
  inPool(poolId: PoolId | null): ReadonlySet<ConnectedAgent> {
    return this.#pools.get(poolId) ?? none;
  }

  /** An agent that is connected here or elsewhere. */
  find(agentId: AgentId): PresentAgent | undefined {
    return this.get(agentId) ?? this.#connectedElsewhere(agentId)?.present;
  }

  /** All of them. */
  everywhere(): readonly PresentAgent[] {
    const others = [...this.#elsewhere].flatMap(([agentId, told]) =>
      told.kind === "connected" && !this.#connectedAgents.has(agentId) ? [told.present] : [],
    );
    return [...this.all(), ...others];
  }

  /** Those of one pool. */
  everywhereInPool(poolId: PoolId | null): readonly PresentAgent[] {
    const others = [...this.#elsewhere].flatMap(([agentId, told]) =>
      told.kind === "connected" && told.present.poolId === poolId && !this.#connectedAgents.has(agentId)
        ? [told.present]
        : [],
    );
    return [...this.inPool(poolId), ...others];
  }

  /** What the other processes say now, in place of what they said before. */
  seeElsewhere(elsewhere: ReadonlyMap<AgentId, ElsewhereAgent>): void {
    this.#elsewhere = elsewhere;
  }

  #connectedElsewhere(agentId: AgentId): Extract<ElsewhereAgent, { kind: "connected" }> | undefined {
    const told = this.#elsewhere.get(agentId);
    return told?.kind === "connected" ? told : undefined;
  }

  /** Remembers how far an agent's jobs are. */
  noteProgress(agentId: AgentId, jobs: readonly Pick<HeldJob, "claim" | keyof JobProgress>[]): void {
    const told = jobs.map(({ claim, resourcesDone, preparing, delivering, wayProblem, desired }) => {
      const texts = {
        preparing: oneLine(preparing),
        delivering: oneLine(delivering),
        wayProblem: oneLine(wayProblem),
      };
      return [claim?.jobId ?? "", { resourcesDone, ...texts, desired }] as const;
    });
    this.#progress.set(agentId, new Map(told));
  }

  progressOf({ id, agentId }: Pick<Job, "id" | "agentId">): JobProgress {
    if (agentId === null) return notKnown;
    const progress = this.#progress.get(agentId) ?? this.#connectedElsewhere(agentId)?.progress;
    return progress?.get(id) ?? notKnown;
  }

  /** How far the jobs of an agent are that is connected here. */
  progressesOf(agentId: AgentId): ReadonlyMap<string, JobProgress> {
    return this.#progress.get(agentId) ?? new Map();
  }

  /** Remembers, unless it has a stream, that an agent has registered. */
  noteArrival(arrival: Arrival): void {
    this.#arrivals.delete(arrival.agentId);
    if (this.#connectedAgents.has(arrival.agentId) || this.#arrivals.size >= maxArrivals) return;
    this.#arrivals.set(arrival.agentId, arrival);
  }

  /** Who has registered lately, here or elsewhere, and has no stream. */
  arrivals(nowMs: number): readonly Omit<Arrival, "atMs">[] {
    const own = this.arrivalsHere(nowMs);
    const known = new Set(own.map(({ agentId }) => agentId));
    const others = [...this.#elsewhere.values()].flatMap((told) => (told.kind === "arriving" ? [told.arrival] : []));
    return [...own, ...others.filter(({ agentId }) => !known.has(agentId) && !this.#connectedAgents.has(agentId))];
  }

  /** Who has registered with this process lately. */
  arrivalsHere(nowMs: number): readonly Arrival[] {
    for (const [agentId, { atMs }] of this.#arrivals) if (nowMs - atMs > arrivalMs) this.#arrivals.delete(agentId);
    return [...this.#arrivals.values()].filter(({ agentId }) => this.#connectedElsewhere(agentId) === undefined);
  }

  /** Takes the place of an older stream of the same agent, which the caller has closed. */
  enter(connected: ConnectedAgent): void {
    this.#arrivals.delete(connected.agentId);
    const before = this.#connectedAgents.get(connected.agentId);
    if (before !== undefined) this.#leavePool(before);
    this.#connectedAgents.set(connected.agentId, connected);
    const pool = this.#pools.get(connected.poolId) ?? new Set();
    this.#pools.set(connected.poolId, pool.add(connected));
  }

  /** Leaves; false if a newer stream has taken the place, or it has left already. */
  leave(connected: ConnectedAgent): boolean {
    if (this.#connectedAgents.get(connected.agentId) !== connected) return false;
    this.#connectedAgents.delete(connected.agentId);
    this.#leavePool(connected);
    this.#progress.delete(connected.agentId);
    if (this.#declines.get(connected.agentId)?.isEmpty === true) this.#declines.delete(connected.agentId);
    return true;
  }

  #leavePool(connected: ConnectedAgent): void {
    const pool = this.#pools.get(connected.poolId);
    pool?.delete(connected);
    if (pool?.size === 0) this.#pools.delete(connected.poolId);
  }
}
