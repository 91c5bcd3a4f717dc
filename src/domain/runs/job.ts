import type { AgentId, AgentTokenId, JobId, OrganizationId, PoolId, RunId, WorkspaceId } from "../../lib/words/ids.ts";
import type { Engine } from "../workspaces/workspace.ts";
import { inFlightNames, type ResourceInFlight } from "./resource-in-flight.ts";

/** What the agent of a lost apply brought when it came back. */
export interface LateEvidence {
  readonly outcome: "finished" | "errored" | "canceled";
  readonly exitCode: number;
  /** As the agent says it; empty if nothing. */
  readonly message: string;
  /** Its last state; null if there is none. */
  readonly state: { readonly serial: number; readonly isAside: boolean } | null;
}

/** Why a log that is closed is not the whole log of its job. */
export type LogProblem =
  /** The agent reported another length than is stored. */
  | { readonly kind: "length"; readonly reportedBytes: number; readonly storedBytes: number }
  /** The length is right, and the SHA-256 is another one. */
  | { readonly kind: "sha256"; readonly storedBytes: number; readonly reported: string }
  /** The agent could not send the rest. */
  | { readonly kind: "not_sent"; readonly missingBytes: number }
  /** Nothing has come for too long: how much is missing is not known. */
  | { readonly kind: "agent_lost" };

/** Among those that wait: 0 goes first (high), 1 is normal, 2 goes last (low). */
export type Urgency = 0 | 1 | 2;

export type JobPhase = "plan" | "apply";
export type JobStatus = "queued" | "offered" | "started" | "finished" | "errored" | "canceled" | "interrupted";
/** What the control plane wants of a job; it never goes back. */
export type Desired = "run" | "cancel" | "force";

/** One phase of one run, given to one agent at a time. */
export interface Job {
  readonly id: JobId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly runId: RunId;
  /** Null: the server agent. */
  readonly poolId: PoolId | null;
  readonly phase: JobPhase;
  readonly status: JobStatus;
  /** The program that its run has settled on: of an apply the one that made the plan. Null: the workspace's. */
  readonly engine: Engine | null;
  /** The same of its version; of a plan perhaps a constraint. Empty: the workspace's. */
  readonly engineVersion: string;
  /** Order of dispatch: 0 applies, 1 plans, 2 plan-only. */
  readonly rank: number;
  /** Of its run: 0 goes first among those of its rank, 1 is normal, 2 goes last. */
  readonly urgency: Urgency;
  /** Counts up with every offer; every message about the job names it. */
  readonly epoch: number;
  /** How many agents have started it. */
  readonly attempt: number;
  readonly agentId: AgentId | null;
  readonly agentName: string | null;
  /** The journal that a grant is bound to; null before the grant. */
  readonly incarnation: string | null;
  readonly desired: Desired;
  readonly cancelRequestedAt: Date | null;
  /** SHA-256 of the job token of this epoch, in hex; null before the first offer. */
  readonly tokenHash: string | null;
  readonly queuedAt: Date;
  readonly offeredAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** When the sweeper must look: the end of the lease while offered or started; null otherwise. */
  readonly leaseUntil: Date | null;
  readonly exitCode: number | null;
  readonly errorMessage: string;
  /** Length of the sealed log; null before. */
  readonly logBytes: number | null;
  /** True once nothing more of its log can come: sealed, or closed with a visible gap. */
  readonly isLogClosed: boolean;
  /** Why the closed log is not whole; null while it is open, and if it is whole. */
  readonly logProblem: LogProblem | null;
  /** Serial of the last state it reported; null if none. */
  readonly stateSerial: number | null;
  /** Of a lost apply whose agent came back; null otherwise. */
  readonly lateEvidence: LateEvidence | null;
  /** The agent token that was revoked for a suspected theft while the job ran on it; null: its states are believed. */
  readonly distrustedBy: AgentTokenId | null;
}

/** How long claims last. Invariant I28. */
export interface Leases {
  /** An offer that is not started goes back to the queue after this long. */
  readonly offerMs: number;
  /** A started plan whose agent is silent this long is tried again elsewhere. */
  readonly planMs: number;
  /** A started apply whose agent is silent this long is interrupted: its outcome is unknown. */
  readonly applyMs: number;
}

/** An offer is renewed while what the job needs arrives, for so long: at 250 kbit/s more than 600 MB. */
export const maxArrivalMs = 6 * 3_600_000;

/** A plan that this many agents have started and lost is not tried again. */
export const maxPlanAttempts = 2;

export type JobEvent =
  | { readonly kind: "offered"; readonly agentId: AgentId; readonly agentName: string; readonly tokenHash: string }
  | { readonly kind: "declined" }
  | { readonly kind: "started"; readonly incarnation: string }
  | { readonly kind: "cancel_requested"; readonly mode: Exclude<Desired, "run"> }
  /** Of an apply with what it had begun and not ended, as far as its log tells. */
  | { readonly kind: "lease_expired"; readonly resourcesInFlight?: readonly ResourceInFlight[] | undefined }
  | {
      readonly kind: "ended";
      readonly outcome: "finished" | "errored" | "canceled";
      readonly exitCode: number;
      readonly errorMessage: string;
      /** What is stored of it. */
      readonly logBytes: number;
      readonly logProblem?: LogProblem | null | undefined;
      readonly stateSerial: number | null;
      /** An apply whose agent can prove that terraform apply was never started. */
      readonly hasNotApplied?: boolean | undefined;
    };

/** What else must happen when a job moves. */
export type JobEffect =
  | { readonly kind: "started" }
  | { readonly kind: "requeued" }
  | { readonly kind: "canceled"; readonly isForced: boolean }
  | { readonly kind: "finished" }
  | { readonly kind: "errored"; readonly message: string }
  /** It failed before terraform apply was started. */
  | { readonly kind: "not_applied"; readonly message: string }
  | { readonly kind: "interrupted"; readonly message: string };

export type JobMove =
  | { readonly kind: "moved"; readonly job: Job; readonly effects: readonly JobEffect[] }
  /** Nothing to do: the event had its effect before. */
  | { readonly kind: "unchanged" }
  /** The event does not fit the status: it is late, or belongs to an older claim. */
  | { readonly kind: "refused"; readonly why: string };

export const isEnded = (status: JobStatus): boolean =>
  status === "finished" || status === "errored" || status === "canceled" || status === "interrupted";

const after = (now: Date, ms: number): Date => new Date(now.getTime() + ms);
const moved = (job: Job, ...effects: readonly JobEffect[]): JobMove => ({ kind: "moved", job, effects });
const refused = (job: Job, event: JobEvent): JobMove => ({
  kind: "refused",
  why: `job ${job.id} is ${job.status}: it cannot be ${event.kind}`,
});
const released = { agentId: null, agentName: null, offeredAt: null, leaseUntil: null } as const;

/** The lease a running claim gets with each heartbeat. */
export const leaseMs = (job: Pick<Job, "phase" | "status">, leases: Leases): number => {
  if (job.status === "offered") return leases.offerMs;
  return job.phase === "plan" ? leases.planMs : leases.applyMs;
};

/** Moves a job, or says why not. A started apply is never queued again. */
export function moveJob(job: Job, event: JobEvent, at: { readonly now: Date; readonly leases: Leases }): JobMove {
  switch (event.kind) {
    case "offered":
      return offered(job, event, at);
    case "declined":
      return job.status === "offered" ? moved({ ...job, ...released, status: "queued" }) : refused(job, event);
    case "started":
      return started(job, event, at);
    case "cancel_requested":
      return cancelRequested(job, event, at.now);
    case "lease_expired":
      return leaseExpired(job, event, at.now);
    case "ended":
      return ended(job, event, at.now);
  }
}

function offered(
  job: Job,
  event: Extract<JobEvent, { kind: "offered" }>,
  { now, leases }: { now: Date; leases: Leases },
): JobMove {
  if (job.status !== "queued") return refused(job, event);
  return moved({
    ...job,
    status: "offered",
    epoch: job.epoch + 1,
    agentId: event.agentId,
    agentName: event.agentName,
    tokenHash: event.tokenHash,
    incarnation: null,
    offeredAt: now,
    leaseUntil: after(now, leases.offerMs),
  });
}

function started(
  job: Job,
  event: Extract<JobEvent, { kind: "started" }>,
  { now, leases }: { now: Date; leases: Leases },
): JobMove {
  if (job.status === "started" && job.incarnation === event.incarnation) return { kind: "unchanged" };
  if (job.status !== "offered" || job.desired !== "run") return refused(job, event);
  const next: Job = {
    ...job,
    status: "started",
    incarnation: event.incarnation,
    attempt: job.attempt + 1,
    startedAt: now,
  };
  return moved({ ...next, leaseUntil: after(now, leaseMs(next, leases)) }, { kind: "started" });
}

function cancelRequested(job: Job, event: Extract<JobEvent, { kind: "cancel_requested" }>, now: Date): JobMove {
  const isForced = event.mode === "force";
  if (job.status === "queued" || job.status === "offered") {
    const next: Job = {
      ...job,
      status: "canceled",
      desired: event.mode,
      cancelRequestedAt: now,
      endedAt: now,
      leaseUntil: null,
      isLogClosed: true,
    };
    return moved(next, { kind: "canceled", isForced });
  }
  if (job.status !== "started") return refused(job, event);
  if (job.desired === event.mode || job.desired === "force") return { kind: "unchanged" };
  return moved({ ...job, desired: event.mode, cancelRequestedAt: job.cancelRequestedAt ?? now });
}

function leaseExpired(job: Job, event: Extract<JobEvent, { kind: "lease_expired" }>, now: Date): JobMove {
  if (job.status === "offered") return moved({ ...job, ...released, status: "queued" });
  if (job.status !== "started") return refused(job, event);
  if (job.phase === "apply") {
    const message = interruptedText(job, event.resourcesInFlight ?? []);
    const next: Job = { ...job, status: "interrupted", endedAt: now, leaseUntil: null, errorMessage: message };
    return moved(next, { kind: "interrupted", message });
  }
  if (job.desired !== "run") {
    return moved(
      { ...job, status: "canceled", endedAt: now, leaseUntil: null },
      { kind: "canceled", isForced: job.desired === "force" },
    );
  }
  if (job.attempt >= maxPlanAttempts) {
    const message = `${job.attempt} agents were lost while they planned, the last one ${job.agentName ?? "unknown"}: the plan is not tried again`;
    return moved(
      { ...job, status: "errored", endedAt: now, leaseUntil: null, errorMessage: message },
      { kind: "errored", message },
    );
  }
  return moved({ ...job, ...released, status: "queued", incarnation: null, startedAt: null }, { kind: "requeued" });
}

function interruptedText({ agentName }: Job, resources: readonly ResourceInFlight[]): string {
  const names = inFlightNames(resources);
  const during = names === "" ? "" : `, with ${names} in flight`;
  return `agent ${agentName ?? "unknown"} was lost during the apply${during}: what it did is not known`;
}

function ended(job: Job, event: Extract<JobEvent, { kind: "ended" }>, now: Date): JobMove {
  if (job.status !== "started" && job.status !== "offered") return refused(job, event);
  // An offered job may end in error, or canceled (it could not be prepared), but not well: terraform needs a grant.
  if (job.status === "offered" && event.outcome === "finished") return refused(job, event);
  const next: Job = {
    ...job,
    status: event.outcome,
    endedAt: now,
    leaseUntil: null,
    exitCode: event.exitCode,
    errorMessage: event.errorMessage,
    logBytes: event.logBytes,
    isLogClosed: true,
    logProblem: event.logProblem ?? null,
    stateSerial: event.stateSerial,
  };
  if (event.outcome === "finished") return moved(next, { kind: "finished" });
  if (event.outcome === "canceled") return moved(next, { kind: "canceled", isForced: job.desired === "force" });
  const isUntouched = job.phase === "apply" && event.hasNotApplied === true;
  return moved(next, { kind: isUntouched ? "not_applied" : "errored", message: event.errorMessage });
}

/** The newest job of a phase: an apply that was not started may be followed by another one. */
export function newestOf(jobs: readonly Job[], phase: JobPhase): Job | undefined {
  const ofPhase = jobs.filter((job) => job.phase === phase);
  return ofPhase.find(({ status }) => !isEnded(status)) ?? ofPhase.toSorted(byTime).at(-1);
}

const byTime = (a: Job, b: Job): number =>
  a.queuedAt.getTime() - b.queuedAt.getTime() || (a.endedAt?.getTime() ?? 0) - (b.endedAt?.getTime() ?? 0);
