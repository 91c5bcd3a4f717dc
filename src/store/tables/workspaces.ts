import type { ConfigurationStatus } from "../../domain/workspaces/configuration.ts";
import type { StateStatus } from "../../domain/workspaces/state-version.ts";
import type { VariableCategory } from "../../domain/workspaces/variable.ts";
import type { Engine, ExecutionMode, KeptAttributes } from "../../domain/workspaces/workspace.ts";
import type {
  ConfigurationId,
  JobId,
  OrganizationId,
  PoolId,
  RunId,
  StateVersionId,
  VariableId,
  VariableSetId,
  WorkspaceId,
} from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";
import { isQuarantined, isSet, isTrue } from "./conditions.ts";

/** Workspaces and what they own but runs. */
export function defineWorkspaces(k: Kit) {
  const workspaces = k.table(
    "workspaces",
    {
      id: k.text<WorkspaceId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      name: k.text("name").notNull(),
      description: k.text("description").notNull(),
      executionMode: k.text<ExecutionMode>("execution_mode").notNull(),
      poolId: k.text<PoolId>("pool_id"),
      engine: k.text<Engine>("engine").notNull(),
      engineVersion: k.text("engine_version").notNull(),
      workingDirectory: k.text("working_directory").notNull(),
      isAutoApply: k.bool("is_auto_apply").notNull(),
      tags: k.json<readonly string[]>("tags").notNull().default([]),
      agentSelector: k.text("agent_selector").notNull().default(""),
      planTimeoutMs: k.int("plan_timeout_ms").notNull().default(0),
      applyTimeoutMs: k.int("apply_timeout_ms").notNull().default(0),
      initTimeoutMs: k.int("init_timeout_ms").notNull().default(0),
      sharesState: k.bool("shares_state").notNull().default(false),
      parallelism: k.int("parallelism").notNull().default(0),
      inheritsExecutionMode: k.bool("inherits_execution_mode").notNull().default(false),
      allowsDestroy: k.bool("allows_destroy").notNull().default(true),
      tagBindings: k.json<Readonly<Record<string, string>>>("tag_bindings").notNull().default({}),
      sourceName: k.text("source_name").notNull().default(""),
      sourceUrl: k.text("source_url").notNull().default(""),
      keptAttributes: k.json<KeptAttributes>("kept_attributes").notNull().default({}),
      // The lock: all null, or the instant with either a run or a person.
      lockedAt: k.instant("locked_at"),
      lockRunId: k.text<RunId>("lock_run_id"),
      lockBy: k.text("lock_by"),
      lockReason: k.text("lock_reason"),
      currentStateId: k.text<StateVersionId>("current_state_id"),
      createdAt: k.instant("created_at").notNull(),
      updatedAt: k.instant("updated_at").notNull(),
      version: k.int("version").notNull(),
    },
    (t) => [
      k.uniqueIndex("workspaces_name").on(t.organizationId, t.name),
      k.index("workspaces_pool").on(t.poolId, t.name),
      k.index("workspaces_sharing").on(t.organizationId, t.name).where(isTrue(t.sharesState)),
      k.index("workspaces_held").on(t.organizationId, t.lockRunId).where(isSet(t.lockRunId)),
    ],
  );
  const ofWorkspace = () =>
    k
      .text<WorkspaceId>("workspace_id")
      .notNull()
      .references(() => workspaces.id, { onDelete: "cascade" });

  // Tags as rows, to find workspaces by them.
  const workspaceTags = k.table("workspace_tags", { workspaceId: ofWorkspace(), tag: k.text("tag").notNull() }, (t) => [
    k.primaryKey({ columns: [t.workspaceId, t.tag] }),
    k.index("workspace_tags_tag").on(t.tag, t.workspaceId),
  ]);

  // The same of tags with values.
  const workspaceTagBindings = k.table(
    "workspace_tag_bindings",
    { workspaceId: ofWorkspace(), key: k.text("key").notNull(), value: k.text("value").notNull() },
    (t) => [
      k.primaryKey({ columns: [t.workspaceId, t.key] }),
      k.index("workspace_tag_bindings_key").on(t.key, t.value, t.workspaceId),
    ],
  );

  // Workspaces that may read the outputs of another one, by name: they need not exist yet.
  const stateConsumers = k.table(
    "state_consumers",
    { workspaceId: ofWorkspace(), consumerName: k.text("consumer_name").notNull() },
    (t) => [
      k.primaryKey({ columns: [t.workspaceId, t.consumerName] }),
      k.index("state_consumers_name").on(t.consumerName, t.workspaceId),
    ],
  );

  const variableSets = k.table(
    "variable_sets",
    {
      id: k.text<VariableSetId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      name: k.text("name").notNull(),
      description: k.text("description").notNull(),
      isGlobal: k.bool("is_global").notNull(),
      isPriority: k.bool("is_priority").notNull().default(false),
      createdAt: k.instant("created_at").notNull(),
      updatedAt: k.instant("updated_at").notNull(),
      version: k.int("version").notNull(),
    },
    (t) => [k.uniqueIndex("variable_sets_name").on(t.organizationId, t.name)],
  );
  const ofSet = () =>
    k
      .text<VariableSetId>("set_id")
      .notNull()
      .references(() => variableSets.id, { onDelete: "cascade" });

  const variableSetWorkspaces = k.table(
    "variable_set_workspaces",
    { setId: ofSet(), workspaceId: ofWorkspace() },
    (t) => [
      k.primaryKey({ columns: [t.setId, t.workspaceId] }),
      k.index("variable_set_workspaces_workspace").on(t.workspaceId),
    ],
  );

  const setVariables = k.table(
    "set_variables",
    {
      id: k.text<VariableId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      setId: ofSet(),
      key: k.text("key").notNull(),
      category: k.text<VariableCategory>("category").notNull(),
      value: k.text("value").notNull(),
      sealedValue: k.bytes("sealed_value"),
      isHcl: k.bool("is_hcl").notNull(),
      isSensitive: k.bool("is_sensitive").notNull(),
      description: k.text("description").notNull(),
      revision: k.int("revision").notNull().default(1),
      updatedAt: k.instant("updated_at").notNull(),
    },
    (t) => [k.uniqueIndex("set_variables_key").on(t.setId, t.key, t.category)],
  );

  // Values that sensitive variables had, of a workspace or a set: they go with it.
  const formerSecrets = k.table(
    "former_secrets",
    {
      id: k.text<VariableId>("id").primaryKey(),
      workspaceId: k.text<WorkspaceId>("workspace_id").references(() => workspaces.id, { onDelete: "cascade" }),
      setId: k.text<VariableSetId>("set_id").references(() => variableSets.id, { onDelete: "cascade" }),
      sealedValue: k.bytes("sealed_value").notNull(),
      isHcl: k.bool("is_hcl").notNull(),
      replacedAt: k.instant("replaced_at").notNull(),
    },
    (t) => [
      k.index("former_secrets_workspace").on(t.workspaceId, t.replacedAt),
      k.index("former_secrets_set").on(t.setId, t.replacedAt),
    ],
  );

  const variables = k.table(
    "variables",
    {
      id: k.text<VariableId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      workspaceId: ofWorkspace(),
      key: k.text("key").notNull(),
      category: k.text<VariableCategory>("category").notNull(),
      value: k.text("value").notNull(),
      sealedValue: k.bytes("sealed_value"),
      isHcl: k.bool("is_hcl").notNull(),
      isSensitive: k.bool("is_sensitive").notNull(),
      description: k.text("description").notNull(),
      revision: k.int("revision").notNull().default(1),
      updatedAt: k.instant("updated_at").notNull(),
    },
    (t) => [k.uniqueIndex("variables_key").on(t.workspaceId, t.key, t.category)],
  );

  const configurations = k.table(
    "configurations",
    {
      id: k.text<ConfigurationId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      workspaceId: ofWorkspace(),
      status: k.text<ConfigurationStatus>("status").notNull().default("uploaded"),
      errorMessage: k.text("error_message").notNull().default(""),
      isSpeculative: k.bool("is_speculative").notNull().default(false),
      isProvisional: k.bool("is_provisional").notNull().default(false),
      queuesRun: k.bool("queues_run").notNull().default(false),
      blobKey: k.text("blob_key").notNull(),
      bytes: k.int("bytes").notNull(),
      sha256: k.text("sha256").notNull(),
      fileCount: k.int("file_count").notNull(),
      createdBy: k.text("created_by").notNull(),
      createdAt: k.instant("created_at").notNull(),
      uploadedAt: k.instant("uploaded_at"),
    },
    (t) => [k.index("configurations_workspace").on(t.workspaceId, t.createdAt, t.id)],
  );

  const states = k.table(
    "states",
    {
      id: k.text<StateVersionId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      workspaceId: ofWorkspace(),
      runId: k.text<RunId>("run_id"),
      jobId: k.text<JobId>("job_id"),
      jobSequence: k.int("job_sequence").notNull().default(0),
      isFinal: k.bool("is_final").notNull().default(false),
      baseSerial: k.int("base_serial"),
      lineage: k.text("lineage").notNull(),
      serial: k.int("serial").notNull(),
      status: k.text<StateStatus>("status").notNull(),
      quarantineReason: k.text("quarantine_reason").notNull(),
      sha256: k.text("sha256").notNull(),
      bytes: k.int("bytes").notNull(),
      blobKey: k.text("blob_key").notNull(),
      jsonBlobKey: k.text("json_blob_key"),
      isIntermediate: k.bool("is_intermediate").notNull().default(false),
      terraformVersion: k.text("terraform_version").notNull(),
      resourceCount: k.int("resource_count").notNull(),
      unreadReason: k.text("unread_reason").notNull().default(""),
      createdBy: k.text("created_by").notNull().default(""),
      rollbackOf: k.text<StateVersionId>("rollback_of"),
      createdAt: k.instant("created_at").notNull(),
    },
    (t) => [
      k.index("states_workspace").on(t.workspaceId, t.createdAt, t.id),
      k.index("states_serial").on(t.workspaceId, t.serial),
      k.index("states_job").on(t.jobId, t.createdAt, t.id),
      k.index("states_quarantined").on(t.organizationId).where(isQuarantined(t.status)),
      k.index("states_run").on(t.runId, t.createdAt, t.id),
    ],
  );

  const stateAnnouncements = k.table(
    "state_announcements",
    {
      id: k.text<StateVersionId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      workspaceId: ofWorkspace(),
      runId: k.text<RunId>("run_id"),
      lineage: k.text("lineage").notNull(),
      serial: k.int("serial").notNull(),
      md5: k.text("md5").notNull(),
      isForced: k.bool("is_forced").notNull(),
      isIntermediate: k.bool("is_intermediate").notNull(),
      jsonBlobKey: k.text("json_blob_key"),
      createdBy: k.text("created_by").notNull(),
      createdAt: k.instant("created_at").notNull(),
    },
    (t) => [
      k.index("state_announcements_workspace").on(t.workspaceId, t.createdAt, t.id),
      k.index("state_announcements_created").on(t.createdAt, t.id),
    ],
  );

  return {
    workspaces,
    workspaceTags,
    workspaceTagBindings,
    stateConsumers,
    variables,
    variableSets,
    variableSetWorkspaces,
    setVariables,
    formerSecrets,
    configurations,
    states,
    stateAnnouncements,
  };
}
