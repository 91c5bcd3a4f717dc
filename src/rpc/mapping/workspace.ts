import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { etagOf } from "../../control/etags.ts";
import type { WorkspaceSettings } from "../../control/workspace-settings.ts";
import type { WorkspaceView } from "../../control/workspace-view.ts";
import type { Engine, ExecutionMode, WorkspaceLock } from "../../domain/workspace.ts";
import {
  Engine as EngineValue,
  ExecutionMode as Mode,
  type WorkspaceLockSchema,
  type Workspace as WorkspaceMessage,
  type WorkspaceSchema,
} from "../../gen/windlass/v1/workspace_pb.ts";
import type { UpdatableFields } from "./field-mask.ts";

const modes: Readonly<Record<ExecutionMode, Mode>> = { remote: Mode.REMOTE, agent: Mode.AGENT, local: Mode.LOCAL };
const engines: Readonly<Record<Engine, EngineValue>> = { terraform: EngineValue.TERRAFORM, tofu: EngineValue.TOFU };

export const toWorkspace = ({
  workspace,
  organizationName,
  poolName,
  currentRunId,
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
  ...(workspace.lock === null ? {} : { lock: toLock(workspace.lock) }),
  currentRunId: currentRunId ?? "",
  currentStateVersionId: workspace.currentStateId ?? "",
  createTime: timestampFromDate(workspace.createdAt),
  updateTime: timestampFromDate(workspace.updatedAt),
  etag: etagOf(workspace),
});

function toLock(lock: WorkspaceLock): MessageInitShape<typeof WorkspaceLockSchema> {
  const sinceTime = timestampFromDate(lock.at);
  if (lock.kind === "run") return { holder: lock.runId, runId: lock.runId, sinceTime };
  return { holder: lock.by, reason: lock.reason, sinceTime };
}

/** Unspecified is remote. */
const fromMode = (mode: Mode): ExecutionMode =>
  mode === Mode.AGENT ? "agent" : mode === Mode.LOCAL ? "local" : "remote";

/** Unspecified is terraform. */
const fromEngine = (engine: EngineValue): Engine => (engine === EngineValue.TOFU ? "tofu" : "terraform");

export const fromWorkspace = (message: WorkspaceMessage): WorkspaceSettings => ({
  name: message.name,
  description: message.description,
  executionMode: fromMode(message.executionMode),
  pool: message.agentPool,
  engine: fromEngine(message.engine),
  engineVersion: message.engineVersion,
  workingDirectory: message.workingDirectory,
  isAutoApply: message.autoApply,
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
};
