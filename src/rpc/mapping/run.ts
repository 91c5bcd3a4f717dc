import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { RunListFilter } from "../../control/run-list.ts";
import type { Resolution } from "../../control/run-resolution.ts";
import type { RunView } from "../../control/run-view.ts";
import type { NewRun } from "../../control/runs.ts";
import type { Job, JobPhase, JobStatus as JobStatusName } from "../../domain/job.ts";
import type { ChangeCounts, RunOptions, RunSource as RunSourceName, RunStatus, Urgency } from "../../domain/run.ts";
import type { TimelineEvent } from "../../domain/timeline.ts";
import type { Waiting, WaitingReason as WaitingReasonName } from "../../domain/waiting.ts";
import {
  JobStatus,
  type PhaseSchema,
  type RunEventSchema,
  type RunOptions as RunOptionsMessage,
  type RunOptionsSchema,
  RunPhase,
  RunPriority,
  type RunSchema,
  RunSource,
  RunState,
  WaitingReason,
  type WaitingSchema,
} from "../../gen/windlass/v1/run_pb.ts";
import { type ListRunsRequest, RunResolution } from "../../gen/windlass/v1/run_service_pb.ts";

const states: Record<RunStatus, RunState> = {
  pending: RunState.PENDING,
  plan_queued: RunState.PLAN_QUEUED,
  planning: RunState.PLANNING,
  planned: RunState.PLANNED,
  planned_and_finished: RunState.PLANNED_AND_FINISHED,
  confirmed: RunState.CONFIRMED,
  apply_queued: RunState.APPLY_QUEUED,
  applying: RunState.APPLYING,
  applied: RunState.APPLIED,
  discarded: RunState.DISCARDED,
  errored: RunState.ERRORED,
  canceled: RunState.CANCELED,
  force_canceled: RunState.FORCE_CANCELED,
};

export const phases: Record<JobPhase, RunPhase> = { plan: RunPhase.PLAN, apply: RunPhase.APPLY };

export const jobStatuses: Record<JobStatusName, JobStatus> = {
  queued: JobStatus.QUEUED,
  offered: JobStatus.OFFERED,
  started: JobStatus.STARTED,
  finished: JobStatus.FINISHED,
  errored: JobStatus.ERRORED,
  canceled: JobStatus.CANCELED,
  interrupted: JobStatus.INTERRUPTED,
};

const sources: Record<RunSourceName, RunSource> = { api: RunSource.API, cli: RunSource.CLI };

export const priorities: Record<Urgency, RunPriority> = {
  0: RunPriority.HIGH,
  1: RunPriority.NORMAL,
  2: RunPriority.LOW,
};

/** The urgency that a request names; nothing is normal. */
export const urgencyOf = (priority: RunPriority): Urgency =>
  priority === RunPriority.HIGH ? 0 : priority === RunPriority.LOW ? 2 : 1;

/** Where a call comes from, as its program says: the command line client calls itself `windlass/VERSION`. */
export const sourceOf = (headers: Headers): RunSourceName =>
  headers.get("user-agent")?.startsWith("windlass/") === true ? "cli" : "api";

export const waitingReasons: Record<WaitingReasonName, WaitingReason> = {
  confirmation: WaitingReason.CONFIRMATION,
  workspace_locked: WaitingReason.WORKSPACE_LOCKED,
  earlier_run: WaitingReason.EARLIER_RUN,
  no_pool: WaitingReason.NO_POOL,
  pool_not_granted: WaitingReason.POOL_NOT_GRANTED,
  no_agent_online: WaitingReason.NO_AGENT_ONLINE,
  agents_busy: WaitingReason.AGENTS_BUSY,
  agents_paused: WaitingReason.AGENTS_PAUSED,
  agent_unreachable: WaitingReason.AGENT_UNREACHABLE,
  terraform_stopping: WaitingReason.TERRAFORM_STOPPING,
  agent_preparing: WaitingReason.AGENT_PREPARING,
  no_matching_agent: WaitingReason.NO_MATCHING_AGENT,
};

/** The statuses that a filter names; unknown ones are left out. */
const statusesOf = (wanted: readonly RunState[]): readonly RunStatus[] =>
  (Object.entries(states) as readonly (readonly [RunStatus, RunState])[])
    .filter(([, state]) => wanted.includes(state))
    .map(([status]) => status);

/** Which runs a list request wants. */
export const filterOf = (request: ListRunsRequest): RunListFilter => ({
  organization: request.organization,
  workspace: request.workspace,
  statuses: statusesOf(request.states),
  search: request.search,
  createdFrom: request.createdAfter === undefined ? null : timestampDate(request.createdAfter),
  createdBefore: request.createdBefore === undefined ? null : timestampDate(request.createdBefore),
  pool: request.agentPool,
  tags: request.tags,
  isActive: request.active,
  agentId: request.agentId,
});

/** The phase that a request names. Validation has refused the others. */
export const phaseOfRequest = (phase: RunPhase): JobPhase => (phase === RunPhase.APPLY ? "apply" : "plan");

/** The decision that a request names. Validation has refused the others. */
export function resolutionOf(resolution: RunResolution): Resolution {
  if (resolution === RunResolution.ACCEPT_SNAPSHOT) return "accept_snapshot";
  return resolution === RunResolution.UNLOCK ? "unlock" : "wait";
}

const at = <K extends string>(
  key: K,
  date: Date | null,
): { readonly [P in K]?: ReturnType<typeof timestampFromDate> } =>
  (date === null ? {} : { [key]: timestampFromDate(date) }) as {
    readonly [P in K]?: ReturnType<typeof timestampFromDate>;
  };

/** A run for its readers. */
export function runMessage(view: RunView): MessageInitShape<typeof RunSchema> {
  const { run, plan, apply, waiting } = view;
  return {
    id: run.id,
    workspace: view.workspaceName,
    organization: view.organizationName,
    configurationVersionId: run.configurationId,
    state: states[run.status],
    options: optionsMessage(run.options),
    message: run.message,
    createdBy: run.createdBy,
    hasChanges: run.hasChanges,
    planSha256: run.planSha256 ?? "",
    decidedBy: run.decidedBy,
    decisionComment: run.decisionComment,
    canceledBy: run.canceledBy,
    source: sources[run.source],
    priority: priorities[run.urgency],
    retryOf: run.retryOf ?? "",
    errorMessage: run.errorMessage,
    resourcesInFlight: [...run.resourcesInFlight],
    etag: String(run.version),
    stateVersionId: view.stateVersionId ?? "",
    createTime: timestampFromDate(run.createdAt),
    ...at("decideTime", run.decidedAt),
    ...at("cancelRequestTime", run.cancelRequestedAt),
    ...at("endTime", run.endedAt),
    ...(plan === null ? {} : { plan: phaseMessage(plan) }),
    ...(apply === null ? {} : { apply: { ...phaseMessage(apply), resourcesDone: view.resourcesDone } }),
    ...(waiting === null ? {} : { waiting: waitingMessage(waiting) }),
    ...(run.plannedChanges === null ? {} : { plannedChanges: countsMessage(run.plannedChanges) }),
    ...(run.appliedChanges === null ? {} : { appliedChanges: countsMessage(run.appliedChanges) }),
  };
}

const countsMessage = (counts: ChangeCounts): ChangeCounts => ({ ...counts });

const waitingMessage = (waiting: Waiting): MessageInitShape<typeof WaitingSchema> => ({
  reason: waitingReasons[waiting.reason],
  detail: waiting.detail,
  blockingRunId: waiting.blockingRunId ?? "",
  queuePosition: waiting.queuePosition,
  sinceTime: timestampFromDate(waiting.since),
});

const phaseMessage = (job: Job): MessageInitShape<typeof PhaseSchema> => ({
  jobId: job.id,
  status: jobStatuses[job.status],
  agentId: job.agentId ?? "",
  agentName: job.agentName ?? "",
  epoch: BigInt(job.epoch),
  exitCode: job.exitCode ?? 0,
  errorMessage: job.errorMessage,
  logBytes: BigInt(job.logBytes ?? 0),
  logComplete: job.isLogClosed && job.logBytes !== null,
  queueTime: timestampFromDate(job.queuedAt),
  ...at("startTime", job.startedAt),
  ...at("endTime", job.endedAt),
});

const optionsMessage = (options: RunOptions): MessageInitShape<typeof RunOptionsSchema> => ({
  planOnly: options.isPlanOnly,
  autoApply: options.isAutoApply,
  destroy: options.isDestroy,
  refresh: !options.skipsRefresh,
  refreshOnly: options.isRefreshOnly,
  targets: [...options.targets],
  replacements: [...options.replacements],
  variables: options.variables.map(({ key, value, isHcl }) => ({ key, value, hcl: isHcl })),
  engineVersion: options.engineVersion,
  allowEmptyApply: options.allowsEmptyApply,
  parallelism: options.parallelism,
  ...(options.queueTimeoutMs === undefined ? {} : { queueTimeout: durationFromMs(options.queueTimeoutMs) }),
});

/** A run in a list: without what can be large. */
export function listedRunMessage(view: RunView): MessageInitShape<typeof RunSchema> {
  const { run } = view;
  const variables = run.options.variables.map((variable) => ({ ...variable, value: "" }));
  return runMessage({ ...view, run: { ...run, resourcesInFlight: [], options: { ...run.options, variables } } });
}

/** The options of a request; absent ones have their defaults. */
export const optionsOf = (message: RunOptionsMessage | undefined): NewRun["options"] => ({
  isPlanOnly: message?.planOnly ?? false,
  isAutoApply: message?.autoApply,
  isDestroy: message?.destroy ?? false,
  skipsRefresh: message?.refresh === false,
  isRefreshOnly: message?.refreshOnly ?? false,
  targets: message?.targets ?? [],
  replacements: message?.replacements ?? [],
  variables: (message?.variables ?? []).map(({ key, value, hcl }) => ({ key, value, isHcl: hcl })),
  engineVersion: message?.engineVersion ?? "",
  allowsEmptyApply: message?.allowEmptyApply ?? false,
  parallelism: message?.parallelism ?? 0,
  ...(message?.queueTimeout === undefined ? {} : { queueTimeoutMs: durationMs(message.queueTimeout) }),
});

/** Something that happened to a run, for its readers. */
export const eventMessage = (event: TimelineEvent): MessageInitShape<typeof RunEventSchema> => ({
  time: timestampFromDate(event.at),
  actor: event.actor,
  state: event.status === null ? RunState.UNSPECIFIED : states[event.status],
  title: event.title,
  comment: event.comment,
});
