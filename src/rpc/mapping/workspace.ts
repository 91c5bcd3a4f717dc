import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { etagOf } from "../../control/core/etags.ts";
import type { WorkspaceLosses } from "../../control/workspaces/deletion.ts";
import type { WorkspaceSettings } from "../../control/workspaces/settings.ts";
import type { WorkspaceView } from "../../control/workspaces/view.ts";
import type { NewSettings } from "../../control/workspaces/workspaces.ts";
import type { Engine, ExecutionMode, WorkspaceLock } from "../../domain/workspaces/workspace.ts";
import { RunState } from "../../gen/windlass/v1/run_pb.ts";
import {
  Engine as EngineValue,
  ExecutionMode as Mode,
  type WorkspaceLockSchema,
  type Workspace as WorkspaceMessage,
  type WorkspaceSchema,
} from "../../gen/windlass/v1/workspace_pb.ts";
import type { WorkspaceLossesSchema } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { fromDuration } from "./duration.ts";
import type { UpdatableFields } from "./field-mask.ts";
import { runStates } from "./run.ts";

export const modes: Readonly<Record<ExecutionMode, Mode>> = {
  remote: Mode.REMOTE,
  agent: Mode.AGENT,
  local: Mode.LOCAL,
};
export const engines: Readonly<Record<Engine, EngineValue>> = {
  terraform: EngineValue.TERRAFORM,
  tofu: EngineValue.TOFU,
};

export const toWorkspace = ({
  workspace,
  organizationName,
  poolName,
  currentRunId,
  currentRunStatus,
  holderStatus,
  consumers,
  queuedRuns,
}: WorkspaceView): MessageInitShape<typeof WorkspaceSchema> => ({
  id: workspace.id,
  name: workspace.name,
  organization: organizationName,
  description: workspace.description,
  executionMode: modes[workspace.executionMode],
  agentPool: poolName,
  engine: engines[workspace.engine],
  engineVersion: workspace.engineVersion,
  workingDirectory: workspace.workingDirectory,
  autoApply: workspace.isAutoApply,
  lock: workspace.lock === null ? undefined : toLock(workspace.lock, holderStatus),
  currentRunId: currentRunId ?? "",
  currentStateVersionId: workspace.currentStateId ?? "",
  createTime: timestampFromDate(workspace.createdAt),
  updateTime: timestampFromDate(workspace.updatedAt),
  etag: etagOf(workspace),
  tags: [...workspace.tags],
  agentSelector: workspace.agentSelector,
  planTimeout: toTimeout(workspace.planTimeoutMs),
  applyTimeout: toTimeout(workspace.applyTimeoutMs),
  initTimeout: toTimeout(workspace.initTimeoutMs),
  remoteStateConsumers: [...consumers],
  sharesStateWithOrganization: workspace.sharesState,
  parallelism: workspace.parallelism,
  inheritsExecutionMode: workspace.inheritsExecutionMode,
  refusesDestroy: !workspace.allowsDestroy,
  tagBindings: { ...workspace.tagBindings },
  sourceName: workspace.sourceName,
  sourceUrl: workspace.sourceUrl,
  queuedRuns,
  currentRunState: currentRunStatus === null ? RunState.UNSPECIFIED : runStates[currentRunStatus],
});

export const toLosses = (losses: WorkspaceLosses): MessageInitShape<typeof WorkspaceLossesSchema> => ({
  ...losses,
});

function toLock(
  lock: WorkspaceLock,
  holder: WorkspaceView["holderStatus"],
): MessageInitShape<typeof WorkspaceLockSchema> {
  const sinceTime = timestampFromDate(lock.at);
  const runState = holder === null ? RunState.UNSPECIFIED : runStates[holder];
  if (lock.kind === "run") return { holder: lock.runId, runId: lock.runId, runState, sinceTime };
  return { holder: lock.by, reason: lock.reason, sinceTime };
}

/** Unspecified is remote. */
export const fromMode = (mode: Mode): ExecutionMode =>
  mode === Mode.AGENT ? "agent" : mode === Mode.LOCAL ? "local" : "remote";

/** Unspecified is terraform. */
export const fromEngine = (engine: EngineValue): Engine => (engine === EngineValue.TOFU ? "tofu" : "terraform");

/** None is 0. */
const toTimeout = (ms: number): Duration | undefined => (ms === 0 ? undefined : durationFromMs(ms));

const fromTimeout = (duration: Duration | undefined): number => fromDuration(duration) ?? 0;

export const fromWorkspace = (message: WorkspaceMessage): NewSettings => ({
  name: message.name,
  description: message.description,
  executionMode: message.executionMode === Mode.UNSPECIFIED ? null : fromMode(message.executionMode),
  pool: message.agentPool,
  engine: message.engine === EngineValue.UNSPECIFIED ? null : fromEngine(message.engine),
  engineVersion: message.engineVersion,
  workingDirectory: message.workingDirectory,
  isAutoApply: message.autoApply,
  tags: message.tags,
  agentSelector: message.agentSelector,
  planTimeoutMs: fromTimeout(message.planTimeout),
  applyTimeoutMs: fromTimeout(message.applyTimeout),
  initTimeoutMs: fromTimeout(message.initTimeout),
  consumers: message.remoteStateConsumers,
  sharesState: message.sharesStateWithOrganization,
  parallelism: message.parallelism,
  inheritsExecutionMode: message.inheritsExecutionMode,
  allowsDestroy: !message.refusesDestroy,
  tagBindings: message.tagBindings,
  sourceName: message.sourceName,
  sourceUrl: message.sourceUrl,
  keptAttributes: {},
});

export const workspaceFields: UpdatableFields<WorkspaceMessage, WorkspaceSettings> = {
  name: ({ name }) => ({ name }),
  description: ({ description }) => ({ description }),
  execution_mode: ({ executionMode }) => ({ executionMode: fromMode(executionMode) }),
  agent_pool: ({ agentPool }) => ({ pool: agentPool }),
  engine: ({ engine }) => ({ engine: fromEngine(engine) }),
  engine_version: ({ engineVersion }) => ({ engineVersion }),
  working_directory: ({ workingDirectory }) => ({ workingDirectory }),
  auto_apply: ({ autoApply }) => ({ isAutoApply: autoApply }),
  tags: ({ tags }) => ({ tags }),
  agent_selector: ({ agentSelector }) => ({ agentSelector }),
  plan_timeout: ({ planTimeout }) => ({ planTimeoutMs: fromTimeout(planTimeout) }),
  apply_timeout: ({ applyTimeout }) => ({ applyTimeoutMs: fromTimeout(applyTimeout) }),
  init_timeout: ({ initTimeout }) => ({ initTimeoutMs: fromTimeout(initTimeout) }),
  remote_state_consumers: ({ remoteStateConsumers }) => ({ consumers: remoteStateConsumers }),
  shares_state_with_organization: ({ sharesStateWithOrganization }) => ({ sharesState: sharesStateWithOrganization }),
  parallelism: ({ parallelism }) => ({ parallelism }),
  inherits_execution_mode: ({ inheritsExecutionMode }) => ({ inheritsExecutionMode }),
  refuses_destroy: ({ refusesDestroy }) => ({ allowsDestroy: !refusesDestroy }),
  tag_bindings: ({ tagBindings }) => ({ tagBindings }),
  source_name: ({ sourceName }) => ({ sourceName }),
  source_url: ({ sourceUrl }) => ({ sourceUrl }),
};
