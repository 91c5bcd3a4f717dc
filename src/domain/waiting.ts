import type { RunId } from "../lib/ids.ts";
import type { Job } from "./job.ts";
import { isFinal, type Run } from "./run.ts";
import type { WorkspaceLock } from "./workspace.ts";

export type WaitingReason =
  | "confirmation"
  | "workspace_locked"
  | "earlier_run"
  | "no_pool"
  | "pool_not_granted"
  | "no_agent_online"
  | "agents_busy"
  | "agents_paused"
  | "agent_unreachable"
  | "terraform_stopping"
  | "agent_preparing"
  | "no_matching_agent";

/** Why a run does not move, and for what it waits. */
export interface Waiting {
  readonly reason: WaitingReason;
  /** One sentence with names. */
  readonly detail: string;
  readonly blockingRunId: RunId | null;
  /** From 1; 0 if there is no queue. */
  readonly queuePosition: number;
  readonly since: Date;
}

/** What is known of the world around a run that has not ended. */
export interface WaitingFacts {
  readonly run: Run;
  /** The job of the run's present phase; null if there is none. */
  readonly job: Job | null;
  readonly lock: WorkspaceLock | null;
  /** Pending runs of the workspace before this one. */
  readonly runsAhead: number;
  /** The pool's name; null for the server agent. */
  readonly poolName: string | null;
  readonly mayUsePool: boolean;
  /** Which agents the workspace wants; empty is any. */
  readonly agentSelector: string;
  readonly agents: AgentFacts;
  /** Queued jobs before this one. */
  readonly jobsAhead: number;
  /** When the job's agent was last heard; null if it is connected or there is none. */
  readonly agentSilentSince: Date | null;
}

/** The connected agents of a job's pool. */
export interface AgentFacts {
  readonly online: number;
  /** Those that accept the job's phase and that the workspace's selector matches. */
  readonly matching: number;
  /** Of the matching ones, those that take jobs, and of these those that have room. */
  readonly open: number;
  readonly free: number;
  /** Name and labels of the first ones that do not match: `vm-1 (os=linux, zone=b)`. */
  readonly others: readonly string[];
}

/** Why the run waits, or null if it moves or has ended. */
export function whyWaiting(facts: WaitingFacts): Waiting | null {
  const { run, job } = facts;
  if (isFinal(run.status)) return null;
  const because = (reason: WaitingReason, detail: string, more: Partial<Waiting> = {}): Waiting => ({
    reason,
    detail,
    blockingRunId: null,
    queuePosition: 0,
    since: run.statusAt,
    ...more,
  });
  switch (run.status) {
    case "pending":
      return whyPending(facts, because);
    case "planned":
      return because("confirmation", "waits for somebody to confirm or discard it");
    case "plan_queued":
    case "apply_queued":
      return job === null
        ? null
        : job.status === "offered"
          ? because("agent_preparing", `agent ${job.agentName ?? "unknown"} prepares the job`)
          : whyQueued(facts, because);
    case "planning":
    case "applying":
      return job === null ? null : whyRunning(facts, job, because);
    default:
      return null;
  }
}

type Because = (reason: WaitingReason, detail: string, more?: Partial<Waiting>) => Waiting;

function whyPending({ run, lock, runsAhead }: WaitingFacts, because: Because): Waiting {
  const queuePosition = runsAhead + 1;
  if (lock?.kind === "run" && lock.runId !== run.id) {
    return because("earlier_run", `waits for run ${lock.runId} to end`, { blockingRunId: lock.runId, queuePosition });
  }
  if (lock?.kind === "person") {
    const reason = lock.reason === "" ? "" : `: ${lock.reason}`;
    return because("workspace_locked", `the workspace is locked by ${lock.by}${reason}`, {
      queuePosition,
      since: lock.at,
    });
  }
  return because("earlier_run", "waits for its turn in the workspace", { queuePosition });
}

function whyQueued(facts: WaitingFacts, because: Because): Waiting {
  const { poolName, mayUsePool, agents, jobsAhead } = facts;
  const where = poolName === null ? "the server agent" : `pool ${poolName}`;
  const queuePosition = jobsAhead + 1;
  if (!mayUsePool)
    return because("pool_not_granted", `${where} does not grant the workspace: grant it, or assign another pool`);
  if (agents.online === 0) {
    const cure =
      poolName === null
        ? "the control plane runs without a server agent"
        : `no agent of ${where} is connected: start one`;
    return because("no_agent_online", cure, { queuePosition });
  }
  if (agents.matching === 0) return because("no_matching_agent", unmatched(facts, where), { queuePosition });
  const which = agents.matching === agents.online ? "agent" : "matching agent";
  if (agents.open === 0)
    return because("agents_paused", `every ${which} of ${where} is paused or draining`, { queuePosition });
  if (agents.free === 0)
    return because("agents_busy", `all ${agents.open} ${which}s of ${where} are busy`, { queuePosition });
  return because("agents_busy", `waits for its turn in ${where}`, { queuePosition });
}

/** What is wanted of an agent, and what is there. */
function unmatched({ job, agents, agentSelector }: WaitingFacts, where: string): string {
  const phases = job?.phase === "apply" ? "applies" : "plans";
  const wanted = agentSelector === "" ? "" : `matches the selector "${agentSelector}" of the workspace and `;
  const { online, others } = agents;
  const more = online > others.length ? ` and ${online - others.length} more` : "";
  return `no connected agent of ${where} ${wanted}takes ${phases}: there are ${others.join(", ")}${more}`;
}

function whyRunning({ run, agentSilentSince }: WaitingFacts, job: Job, because: Because): Waiting | null {
  const agent = `agent ${job.agentName ?? "unknown"}`;
  if (agentSilentSince !== null) {
    const until = job.leaseUntil === null ? "" : ` until ${timeOf(job.leaseUntil)}`;
    return because(
      "agent_unreachable",
      `${agent} has been silent since ${timeOf(agentSilentSince)}; the job is assumed to run${until}`,
    );
  }
  if (run.cancelRequestedAt !== null) {
    return because("terraform_stopping", `${agent} was asked to stop terraform`, { since: run.cancelRequestedAt });
  }
  return null;
}

/** `2026-01-31T12:00:00Z`. */
const timeOf = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");
