import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { forceAvailableAt } from "../../control/runs/decisions.ts";
import type { KeptView } from "../../control/runs/kept.ts";
import type { RunListFilter } from "../../control/runs/list.ts";
import type { Resolution } from "../../control/runs/resolution.ts";
import type { NewRun } from "../../control/runs/runs.ts";
import type { RunView } from "../../control/runs/view.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { inFlightOf, noteOf } from "../../domain/runs/in-flight.ts";
import type { Job, JobPhase, JobStatus as JobStatusName, Urgency } from "../../domain/runs/job.ts";
import { type LogState as LogStateName, logProblemText, logStateOf } from "../../domain/runs/log-problem.ts";
import { type KeptLost, lostNote } from "../../domain/runs/lost.ts";
import type { ChangeCounts, RunOptions, RunSource as RunSourceName, RunStatus } from "../../domain/runs/run.ts";
import type { TimelineEvent } from "../../domain/runs/timeline.ts";
import type { Waiting, WaitingReason as WaitingReasonName } from "../../domain/runs/waiting.ts";
import {
  type ChangeCountsSchema,
  HeldInState,
  JobStatus,
  type KeptDirectorySchema,
  LogState,
  type LostResourceSchema,
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
import { entriesOf, keysOf } from "../../lib/values/records.ts";
import type { HowHeld } from "../../lib/words/lost-resources.ts";
import { fromDuration } from "./duration.ts";
import { fromTime, toTime } from "./time.ts";

export const runStates: Record<RunStatus, RunState> = {
  pending: RunState.PENDING,
  plan_queued: RunState.PLAN_QUEUED,
  planning: RunState.PLANNING,
  planned: RunState.PLANNED,
  planned_and_finished: RunState.PLANNED_AND_FINISHED,
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

const sources: Record<RunSourceName, RunSource> = {
  api: RunSource.API,
  cli: RunSource.CLI,
  browser: RunSource.BROWSER,
  "tfe-api": RunSource.TFE_API,
  terraform: RunSource.TERRAFORM,
};

export const priorities: Record<Urgency, RunPriority> = {
  0: RunPriority.HIGH,
  1: RunPriority.NORMAL,
  2: RunPriority.LOW,
};

/** The urgency that a request names; nothing is normal. */
export const fromPriority = (priority: RunPriority): Urgency =>
  priority === RunPriority.HIGH ? 0 : priority === RunPriority.LOW ? 2 : 1;

/**
 * Where a call comes from: from a browser if its session says who calls, else as its program says. The command line client calls
 * itself `windlass/VERSION`.
 */
export function sourceOf(who: Principal, headers: Headers): RunSourceName {
  if (who.kind === "api_key" && who.browserSessionId !== undefined) return "browser";
  return headers.get("user-agent")?.startsWith("windlass/") === true ? "cli" : "api";
}

/** The sources that a filter names: those that no run has are left out. */
const fromSources = (wanted: readonly RunSource[]): readonly RunSourceName[] =>
  keysOf(sources).filter((name) => wanted.includes(sources[name]));

export const waitingReasons: Record<WaitingReasonName, WaitingReason> = {
  confirmation: WaitingReason.CONFIRMATION,
  workspace_locked: WaitingReason.WORKSPACE_LOCKED,
  earlier_run: WaitingReason.EARLIER_RUN,
  no_pool: WaitingReason.NO_POOL,
  pool_not_granted: WaitingReason.POOL_NOT_GRANTED,
  no_agent_online: WaitingReason.NO_AGENT_ONLINE,
  agents_busy: WaitingReason.AGENTS_BUSY,
  agents_paused: WaitingReason.AGENTS_PAUSED,
  agents_declined: WaitingReason.AGENTS_DECLINED,
  agent_unreachable: WaitingReason.AGENT_UNREACHABLE,
  terraform_stopping: WaitingReason.TERRAFORM_STOPPING,
  agent_preparing: WaitingReason.AGENT_PREPARING,
  agent_delivering: WaitingReason.AGENT_DELIVERING,
  no_matching_agent: WaitingReason.NO_MATCHING_AGENT,
  no_agent_with_engine: WaitingReason.NO_AGENT_WITH_ENGINE,
  no_agent_with_option: WaitingReason.NO_AGENT_WITH_OPTION,
  way_blocked: WaitingReason.WAY_BLOCKED,
  resolution: WaitingReason.RESOLUTION,
};

/** The statuses that a filter names: those that no run has are left out. */
const fromRunStates = (wanted: readonly RunState[]): readonly RunStatus[] =>
  entriesOf(runStates)
    .filter(([, state]) => wanted.includes(state))
    .map(([status]) => status);

/** Which runs a list request wants. */
export const fromListRuns = (request: ListRunsRequest): RunListFilter => ({
  organization: request.organization,
  workspace: request.workspace,
  statuses: request.states.length === 0 ? null : fromRunStates(request.states),
  search: request.search,
  createdFrom: fromTime(request.createdAfter),
  createdBefore: fromTime(request.createdBefore),
  pool: request.agentPool,
  tags: request.tags,
  isActive: request.active,
  agentId: request.agentId,
  needsDecision: request.needsDecision,
  sources: request.sources.length === 0 ? null : fromSources(request.sources),
});

/** The phase that a request names. Validation has refused the others. */
export const fromPhase = (phase: RunPhase): JobPhase => (phase === RunPhase.APPLY ? "apply" : "plan");

/** The decision that a request names. Validation has refused the others. */
export function fromResolution(resolution: RunResolution): Resolution {
  if (resolution === RunResolution.ACCEPT_SNAPSHOT) return "accept_snapshot";
  return resolution === RunResolution.UNLOCK ? "unlock" : "wait";
}

/** Of how many lost resources a run tells itself. */
const maxLostShown = 20;

/** A run for its readers. */
export const toRun = (view: RunView): MessageInitShape<typeof RunSchema> =>
  toRunWith(view, toOptions(view.run.options));

type Options = MessageInitShape<typeof RunOptionsSchema>;

function toRunWith(view: RunView, options: Options): MessageInitShape<typeof RunSchema> {
  const { run, plan, apply, waiting } = view;
  const inFlight = inFlightOf(run).map((resource) => ({
    address: resource.address,
    action: resource.action,
    idKey: resource.idKey,
    id: resource.id,
    note: noteOf(resource),
  }));
  return {
    id: run.id,
    workspace: view.workspaceName,
    organization: view.organizationName,
    configurationVersionId: run.configurationId,
    state: runStates[run.status],
    options,
    message: run.message,
    createdBy: run.createdBy,
    hasChanges: run.hasChanges,
    confirmable: view.isConfirmable,
    planSha256: run.planSha256 ?? "",
    decidedBy: run.decidedBy,
    decisionComment: run.decisionComment,
    canceledBy: run.canceledBy,
    source: sources[run.source],
    priority: priorities[run.urgency],
    retryOf: run.retryOf ?? "",
    errorMessage: run.errorMessage,
    resourcesInFlight: inFlight.map(({ address }) => address),
    inFlight,
    lost: (run.lost?.resources ?? []).slice(0, maxLostShown).map(toLostResource),
    lostCount: run.lost?.count ?? 0,
    warnings: [...(run.warnings ?? [])],
    deniedBy: run.deniedBy ?? "",
    hooks: (run.hooks ?? []).map(({ phase, ...hook }) => ({ ...hook, phase: phases[phase] })),
    keptDirectories: view.keptDirectories.map(toKeptDirectory),
    engine: run.engine ?? "",
    engineVersion: run.engine === null ? "" : run.engineVersion,
    etag: String(run.version),
    stateVersionId: view.stateVersionId ?? "",
    createTime: timestampFromDate(run.createdAt),
    decideTime: toTime(run.decidedAt),
    cancelRequestTime: toTime(run.cancelRequestedAt),
    forceCancelTime: toTime(forceCancelAt(view)),
    endTime: toTime(run.endedAt),
    plan: plan === null ? undefined : toPhase(plan),
    apply: apply === null ? undefined : { ...toPhase(apply), resourcesDone: view.resourcesDone },
    waiting: waiting === null ? undefined : toWaiting(waiting),
    plannedChanges: run.plannedChanges === null ? undefined : toChangeCounts(run.plannedChanges),
    appliedChanges: run.appliedChanges === null ? undefined : toChangeCounts(run.appliedChanges),
  };
}

/** When what runs of it may be ended by force. */
function forceCancelAt({ run, plan, apply }: RunView): Date | null {
  const running = [apply, plan].find((job) => job?.status === "started");
  return running == null ? null : forceAvailableAt(run, running.phase);
}

const heldInState: Readonly<Record<HowHeld, HeldInState>> = {
  absent: HeldInState.ABSENT,
  other: HeldInState.OTHER_OBJECT,
  present: HeldInState.PRESENT,
  unknown: HeldInState.UNKNOWN,
};

/** A lost resource for its readers. */
export const toLostResource = (lost: KeptLost): MessageInitShape<typeof LostResourceSchema> => ({
  address: lost.address,
  action: lost.action,
  provider: lost.provider,
  idKey: lost.idKey,
  id: lost.id,
  finishTime: toTime(lost.finishedAt === "" ? null : new Date(lost.finishedAt)),
  held: heldInState[lost.held],
  note: lostNote(lost),
  hidden: lost.isHidden,
});

/** A directory that stays on an agent, for its readers. */
export const toKeptDirectory = ({
  kept,
  agent,
  isUnwanted,
}: KeptView): MessageInitShape<typeof KeptDirectorySchema> => ({
  jobId: kept.jobId,
  runId: kept.runId,
  workspace: kept.workspace,
  reason: kept.reason,
  path: kept.path,
  epoch: BigInt(kept.epoch),
  sizeBytes: BigInt(kept.sizeBytes),
  keepTime: timestampFromMs(kept.keptAtMs),
  agentId: agent.id,
  agent: agent.name,
  removing: isUnwanted,
});

/** Older rows count less. */
export const toChangeCounts = (counts: ChangeCounts): MessageInitShape<typeof ChangeCountsSchema> => ({
  add: counts.add,
  change: counts.change,
  destroy: counts.destroy,
  imported: counts.import,
  forget: counts.forget ?? 0,
  drift: counts.drift ?? 0,
  moved: counts.move ?? 0,
});

const toWaiting = (waiting: Waiting): MessageInitShape<typeof WaitingSchema> => ({
  reason: waitingReasons[waiting.reason],
  detail: waiting.detail,
  blockingRunId: waiting.blockingRunId ?? "",
  queuePosition: waiting.queuePosition,
  sinceTime: timestampFromDate(waiting.since),
});

/** How a log stands, for its readers. */
export const logStates: Readonly<Record<LogStateName, LogState>> = {
  none: LogState.UNSPECIFIED,
  open: LogState.OPEN,
  complete: LogState.COMPLETE,
  incomplete: LogState.INCOMPLETE,
  mismatch: LogState.MISMATCH,
};

const toPhase = (job: Job): MessageInitShape<typeof PhaseSchema> => ({
  jobId: job.id,
  status: jobStatuses[job.status],
  agentId: job.agentId ?? "",
  agentName: job.agentName ?? "",
  epoch: BigInt(job.epoch),
  exitCode: job.exitCode ?? 0,
  errorMessage: job.errorMessage,
  logBytes: BigInt(job.logBytes ?? 0),
  logComplete: logStateOf(job) === "complete",
  logState: logStates[logStateOf(job)],
  logProblem: job.logProblem === null ? "" : logProblemText(job.logProblem),
  queueTime: timestampFromDate(job.queuedAt),
  startTime: toTime(job.startedAt),
  endTime: toTime(job.endedAt),
});

const toOptions = (options: RunOptions) =>
  ({
    planOnly: options.isPlanOnly,
    autoApply: options.isAutoApply,
    destroy: options.isDestroy,
    refresh: !options.skipsRefresh,
    refreshOnly: options.isRefreshOnly,
    targets: [...options.targets],
    targetCount: options.targets.length,
    replacementCount: options.replacements.length,
    excludeCount: options.excludes?.length ?? 0,
    variableCount: options.variables.length,
    replacements: [...options.replacements],
    excludes: [...(options.excludes ?? [])],
    suppressForgetErrors: options.suppressesForgetErrors ?? false,
    variables: options.variables.map(({ key, value, isHcl }) => ({ key, value, hcl: isHcl })),
    engineVersion: options.engineVersion,
    allowEmptyApply: options.allowsEmptyApply,
    parallelism: options.parallelism,
    queueTimeout: options.queueTimeoutMs === undefined ? undefined : durationFromMs(options.queueTimeoutMs),
    savePlan: options.isSavedPlan ?? false,
    generateConfiguration: options.generatesConfiguration ?? false,
    debug: options.isDebug ?? false,
  }) satisfies Options;

/** A run in a list: without what can be large. */
export function toListedRun(view: RunView): MessageInitShape<typeof RunSchema> {
  const { run } = view;
  const lost = run.lost === null ? null : { ...run.lost, resources: [] };
  const slim = { ...run, resourcesInFlight: [], warnings: [], lost };
  return toRunWith({ ...view, keptDirectories: [], run: slim }, toShortOptions(run.options));
}

/** A run for somebody who watches it: without what was asked of it, which never changes. */
export const toWatchedRun = (view: RunView): MessageInitShape<typeof RunSchema> =>
  toRunWith(view, toShortOptions(view.run.options));

const toShortOptions = (options: RunOptions) =>
  ({ ...toOptions(options), targets: [], replacements: [], excludes: [], variables: [] }) satisfies Options;

/** The options of a request; absent ones have their defaults. */
export const fromRunOptions = (message: RunOptionsMessage | undefined): NewRun["options"] => ({
  isPlanOnly: message?.planOnly ?? false,
  isAutoApply: message?.autoApply,
  isDestroy: message?.destroy ?? false,
  skipsRefresh: message?.refresh === false,
  isRefreshOnly: message?.refreshOnly ?? false,
  targets: message?.targets ?? [],
  replacements: message?.replacements ?? [],
  excludes: message?.excludes ?? [],
  suppressesForgetErrors: message?.suppressForgetErrors ?? false,
  variables: (message?.variables ?? []).map(({ key, value, hcl }) => ({ key, value, isHcl: hcl })),
  engineVersion: message?.engineVersion ?? "",
  allowsEmptyApply: message?.allowEmptyApply ?? false,
  parallelism: message?.parallelism ?? 0,
  queueTimeoutMs: fromDuration(message?.queueTimeout) ?? undefined,
  isSavedPlan: message?.savePlan ?? false,
  generatesConfiguration: message?.generateConfiguration ?? false,
  isDebug: message?.debug ?? false,
});

/** Something that happened to a run, for its readers. */
export const toRunEvent = (event: TimelineEvent): MessageInitShape<typeof RunEventSchema> => ({
  time: timestampFromDate(event.at),
  actor: event.actor,
  state: event.status === null ? RunState.UNSPECIFIED : runStates[event.status],
  title: event.title,
  comment: event.comment,
});
