import { counted } from "../../lib/text/counted.ts";
import type { RunId } from "../../lib/words/ids.ts";
import type { WorkspaceLock } from "../workspaces/workspace.ts";
import type { Job } from "./job.ts";
import { mustDecide } from "./lost.ts";
import { isFinal, type Run } from "./run.ts";
import type { ConfirmationBar } from "./saved-plan.ts";

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
  | "agent_delivering"
  | "no_matching_agent"
  | "resolution"
  | "agents_declined"
  | "no_agent_with_engine"
  | "no_agent_with_option"
  | "way_blocked";

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
  /** What keeps its saved plan from being confirmed. */
  readonly bar?: ConfirmationBar | undefined;
  /** The run that holds the workspace, where it is another one. */
  readonly holder?: Pick<Run, "id" | "status" | "lost"> | undefined;
  /** Pending runs of the workspace before this one. */
  readonly runsAhead: number;
  /** Why there is no server agent, and what to do; undefined if there is one. */
  readonly noServerAgent?: string | undefined;
  /** The pool's name; null for the server agent. */
  readonly poolName: string | null;
  readonly mayUsePool: boolean;
  readonly workspaceName: string;
  /** Which agents the workspace wants; empty is any. */
  readonly agentSelector: string;
  readonly agents: AgentFacts;
  /** Queued jobs before this one. */
  readonly jobsAhead: number;
  /** When the job's agent was last heard, if that is too long ago; null if it was heard, or there is none. */
  readonly agentSilentSince: Date | null;
  /** Whether the job's agent has heard that the job is to end, if it is. */
  readonly endTold: EndTold;
  /** What takes the job's agent long while it prepares it, as the end of a sentence; empty if it says nothing. */
  readonly preparing: string;
  /**
   * What the job's agent cannot do for it because of what stands in its way, as the end of a sentence; empty if nothing
   * does.
   */
  readonly wayProblem: string;
  /** The same of what came of the job and is delivered. */
  readonly delivering: string;
}

/** The agent has said so; it is connected and has not; or it cannot have heard. */
export type EndTold = "heard" | "sent" | "waits";

/** The connected agents of a job's pool. */
export interface AgentFacts {
  readonly online: number;
  /** What keeps those away that have registered and have no stream: `agent vm-1 has registered and …`; the first ones. */
  readonly arriving: readonly string[];
  /** Those that accept the job's phase and that the workspace's selector matches. */
  readonly matching: number;
  /** Of the matching ones, those that know every option of the job. */
  readonly able: number;
  /** Of these, those that can have the program that the job asks for. */
  readonly fit: number;
  /** Of these those that take jobs, and of these those that have room. */
  readonly open: number;
  readonly free: number;
  /** Why matching ones take none: `agent vm-1 declined: disk full`; the first ones. */
  readonly refusals: readonly string[];
  /** Name and labels of the first ones that do not match: `vm-1 (os=linux, zone=b)`. */
  readonly others: readonly string[];
  /** What the job asks for: `tofu ~> 1.12`. */
  readonly wish: string;
  /** What the first ones have that match and cannot have it: `vm-1 has terraform 1.11.4`. */
  readonly unfit: readonly string[];
  /** What not every agent knows of the job's options: `--exclude`; empty if nothing. */
  readonly options: string;
  /** The first ones that match and do not know them: `vm-1 (0.9.0)`. */
  readonly unable: readonly string[];
}

/** Why the run waits, or null if it moves or has ended. */
export function whyWaiting(facts: WaitingFacts): Waiting | null {
  const { run, job, lock } = facts;
  const because = (reason: WaitingReason, detail: string, more: Partial<Waiting> = {}): Waiting => ({
    reason,
    detail,
    blockingRunId: null,
    queuePosition: 0,
    since: run.statusAt,
    ...more,
  });
  if (isFinal(run.status)) {
    const isHeld = lock?.kind === "run" && lock.runId === run.id;
    return isHeld
      ? because("resolution", `holds its workspace until ${whoFrees(facts)}: ${resolveCommand(run.id)}`)
      : null;
  }
  switch (run.status) {
    case "pending":
      return whyPending(facts, because);
    case "planned":
      return because("confirmation", whyUndecided(run, facts.bar));
    case "plan_queued":
    case "apply_queued":
      return job === null
        ? null
        : job.status === "offered"
          ? whyOffered(job, facts, because)
          : whyQueued(facts, because);
    case "planning":
    case "applying":
      return job === null ? null : whyRunning(facts, job, because);
    default:
      return null;
  }
}

function whyOffered(job: Job, facts: WaitingFacts, because: Because): Waiting {
  const { agentSilentSince } = facts;
  if (agentSilentSince === null) return because("agent_preparing", preparingText(job, facts));
  const until = job.leaseUntil === null ? "" : ` at ${timeOf(job.leaseUntil)}`;
  const silence = `agent ${job.agentName ?? "unknown"} has been silent since ${timeOf(agentSilentSince)}`;
  return because("agent_unreachable", `${silence}; the job, which it was offered, goes back to the queue${until}`);
}

function preparingText({ agentName }: Job, { preparing, wayProblem }: WaitingFacts): string {
  const what = [preparing, wayProblem].filter((text) => text !== "").join(", and ");
  return `agent ${agentName ?? "unknown"} prepares the job${what === "" ? "" : `: it ${what}`}`;
}

const whoFrees = ({ run: { id, lost } }: WaitingFacts): string =>
  mustDecide(lost)
    ? `somebody decides about what is in no state (windlass run lost ${id})`
    : "its agent comes back or somebody decides";

function whyUndecided({ errorMessage, deniedBy }: Run, bar: ConfirmationBar | undefined): string {
  if (bar === "stale") return "its saved plan is out of date, because the state has changed since: it is discarded";
  if (bar === "held") return "its saved plan can be confirmed once nobody has the workspace, or discarded";
  if (deniedBy !== null)
    return `the hook ${deniedBy} of its agent has denied the plan: an owner may confirm it all the same, or somebody discards it`;
  if (errorMessage === "") return "waits for somebody to confirm or discard it";
  return `${errorMessage}. The plan is still good: confirm it again, or discard it`;
}

/** What decides about a run that has ended and still holds its workspace. */
export const resolveCommand = (runId: string): string => `windlass run resolve ${runId}`;

type Because = (reason: WaitingReason, detail: string, more?: Partial<Waiting>) => Waiting;

function whyPending({ run, lock, holder, runsAhead }: WaitingFacts, because: Because): Waiting {
  const queuePosition = runsAhead + 1;
  if (lock?.kind === "run" && lock.runId !== run.id) {
    const detail = `waits for run ${lock.runId} ${toBe(lock.runId, holder)}`;
    return because("earlier_run", detail, { blockingRunId: lock.runId, queuePosition });
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

/** What has to happen to the run that holds the workspace. */
function toBe(runId: RunId, holder: WaitingFacts["holder"]): string {
  if (holder === undefined) return "to end";
  if (isFinal(holder.status)) {
    const why = mustDecide(holder.lost)
      ? `what it made is in no state and would be made again (windlass run lost ${runId})`
      : "nobody knows what its apply did";
    return `to be decided, since ${why}: ${resolveCommand(runId)}`;
  }
  return holder.status === "planned" ? "to be confirmed or discarded" : "to end";
}

function whyQueued(facts: WaitingFacts, because: Because): Waiting {
  const { poolName, mayUsePool, agents, jobsAhead, noServerAgent } = facts;
  const where = poolName === null ? "the server agent" : `pool ${poolName}`;
  const queuePosition = jobsAhead + 1;
  if (!mayUsePool)
    return because("pool_not_granted", `${where} does not grant the workspace: grant it, or assign another pool`);
  if (agents.online === 0) {
    const cure =
      poolName === null
        ? (noServerAgent ?? "the server agent is not connected: the log of windlassd says why")
        : `no agent of ${where} is connected: ${agents.arriving.join("; ") || "start one"}`;
    return because("no_agent_online", cure, { queuePosition });
  }
  if (agents.matching === 0) return because("no_matching_agent", unmatched(facts, where), { queuePosition });
  if (agents.able === 0) return because("no_agent_with_option", outdated(agents, where), { queuePosition });
  if (agents.fit === 0) return because("no_agent_with_engine", unequipped(facts, where), { queuePosition });
  const [which, but] = whichAgents(agents);
  if (agents.free === 0 && agents.refusals.length > 0)
    return because("agents_declined", agents.refusals.join("; "), { queuePosition });
  if (agents.open === 0)
    return because("agents_paused", `every ${which} of ${where} is paused or draining${but}`, { queuePosition });
  if (agents.free === 0) {
    const all =
      agents.open === 1 ? `the only ${which} of ${where} is` : `all ${counted(agents.open, which)} of ${where} are`;
    return because("agents_busy", `${all} busy${but}`, { queuePosition });
  }
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

/** Which option is asked for, and which agents are too old for it. */
function outdated({ options, matching, unable }: AgentFacts, where: string): string {
  const more = matching > unable.length ? ` and ${matching - unable.length} more` : "";
  return `no agent of ${where} knows ${options}, which the run asks for: ${unable.join(", ")}${more}. Bring one of them to the server's version`;
}

/** What is asked for, and what each agent has. */
function unequipped({ workspaceName, agents }: WaitingFacts, where: string): string {
  const { wish, able, unfit } = agents;
  const more = able > unfit.length ? `; and ${able - unfit.length} more` : "";
  return `no agent of ${where} has ${wish}, or may download it: ${unfit.join("; ")}${more}. Install it on one of them, allow a download, or change the workspace's engine: windlass workspace edit ${workspaceName} --engine ENGINE`;
}

/** What the agents that count are called, and why others do not count. */
function whichAgents({ online, matching, able, fit, ...told }: AgentFacts): readonly [string, string] {
  const { wish, unfit, options, unable } = told;
  const program = fit < able ? `; it asks for ${wish}, and ${unfit.join("; ")}` : "";
  const option = able < matching ? `; it asks for ${options}, too new for ${unable.join(", ")}` : "";
  if (fit < matching) return ["fit agent", `${program}${option}`];
  return [matching === online ? "agent" : "matching agent", ""];
}

function whyRunning(facts: WaitingFacts, job: Job, because: Because): Waiting | null {
  const { run, agentSilentSince, endTold, wayProblem, delivering } = facts;
  const agent = `agent ${job.agentName ?? "unknown"}`;
  const program = run.engine ?? job.engine ?? "the program";
  const end = job.desired === "force" ? `end ${program} by force` : `stop ${program}`;
  const later = run.cancelRequestedAt === null ? "" : `it is asked to ${end} as soon as it is back`;
  if (agentSilentSince !== null) {
    const until = job.leaseUntil === null ? "" : ` until ${timeOf(job.leaseUntil)}`;
    const silence = `${agent} has been silent since ${timeOf(agentSilentSince)}; the job is assumed to run${until}`;
    return because("agent_unreachable", later === "" ? silence : `${silence}; ${later}`);
  }
  if (wayProblem !== "") return because("way_blocked", `${agent} ${wayProblem}`);
  if (run.cancelRequestedAt === null)
    return delivering === "" ? null : because("agent_delivering", `${agent} ${delivering}`);
  if (endTold === "waits") return because("agent_unreachable", `${agent} is not connected: ${later}`);
  const asked = endTold === "heard" ? "was asked" : "is being asked";
  return because("terraform_stopping", `${agent} ${asked} to ${end}`, { since: run.cancelRequestedAt });
}

/** `2026-01-31T12:00:00Z`. */
const timeOf = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");
