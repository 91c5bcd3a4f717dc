import type { Desired, JobPhase, JobStatus, LateEvidence, LogProblem, Urgency } from "../../domain/runs/job.ts";
import type { Lost } from "../../domain/runs/lost.ts";
import type { KeptInFlight } from "../../domain/runs/resource-in-flight.ts";
import type { ChangeCounts, RunOptions, RunSource, RunStatus } from "../../domain/runs/run.ts";
import type { RunHook } from "../../domain/runs/run-hook.ts";
import type { Engine } from "../../domain/workspaces/workspace.ts";
import type {
  AgentId,
  AgentTokenId,
  ConfigurationId,
  JobId,
  OrganizationId,
  PoolId,
  RunId,
  StateVersionId,
  WorkspaceId,
} from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";
import { isActive, isClaimed, isFalse, isPending, isPlanned, isQueued } from "./conditions.ts";
import type { defineWorkspaces } from "./workspaces.ts";

/** Runs and their jobs. */
export function defineRuns(k: Kit, workspaces: ReturnType<typeof defineWorkspaces>["workspaces"]) {
  const ofWorkspace = () =>
    k
      .text<WorkspaceId>("workspace_id")
      .notNull()
      .references(() => workspaces.id, { onDelete: "cascade" });

  const runs = k.table(
    "runs",
    {
      id: k.text<RunId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      workspaceId: ofWorkspace(),
      configurationId: k.text<ConfigurationId>("configuration_id").notNull(),
      status: k.text<RunStatus>("status").notNull(),
      options: k.json<RunOptions>("options").notNull(),
      message: k.text("message").notNull(),
      createdBy: k.text("created_by").notNull(),
      createdAt: k.instant("created_at").notNull(),
      statusAt: k.instant("status_at").notNull(),
      hasChanges: k.bool("has_changes").notNull(),
      plannedChanges: k.json<ChangeCounts>("planned_changes"),
      appliedChanges: k.json<ChangeCounts>("applied_changes"),
      planSha256: k.text("plan_sha256"),
      planBytes: k.int("plan_bytes"),
      planBlobKey: k.text("plan_blob_key"),
      summaryBlobKey: k.text("summary_blob_key"),
      planJsonBlobKey: k.text("plan_json_blob_key"),
      redactedPlanBlobKey: k.text("redacted_plan_blob_key"),
      planFilesSha256: k.text("plan_files_sha256"),
      planFilesBytes: k.int("plan_files_bytes"),
      planFilesBlobKey: k.text("plan_files_blob_key"),
      engine: k.text<Engine>("engine"),
      engineVersion: k.text("engine_version").notNull().default(""),
      planLockFile: k.text("plan_lock_file"),
      decidedBy: k.text("decided_by").notNull(),
      decidedAt: k.instant("decided_at"),
      decisionComment: k.text("decision_comment").notNull(),
      cancelRequestedAt: k.instant("cancel_requested_at"),
      canceledBy: k.text("canceled_by").notNull().default(""),
      source: k.text<RunSource>("source").notNull().default("api"),
      urgency: k.int<Urgency>("urgency").notNull().default(1),
      retryOf: k.text<RunId>("retry_of"),
      baseStateId: k.text<StateVersionId>("base_state_id"),
      errorMessage: k.text("error_message").notNull(),
      resourcesInFlight: k.json<readonly KeptInFlight[]>("resources_in_flight").notNull(),
      lost: k.json<Lost>("lost_resources"),
      warnings: k.json<readonly string[]>("warnings"),
      deniedBy: k.text("denied_by"),
      hooks: k.json<readonly RunHook[]>("hooks"),
      endedAt: k.instant("ended_at"),
      version: k.int("version").notNull(),
    },
    (t) => [
      k.index("runs_organization").on(t.organizationId, t.createdAt, t.id),
      k.index("runs_workspace").on(t.workspaceId, t.createdAt, t.id),
      k.index("runs_pending").on(t.workspaceId, t.urgency, t.createdAt, t.id).where(isPending(t.status)),
      k.index("runs_ended").on(t.endedAt, t.id),
      k.index("runs_planned").on(t.organizationId, t.statusAt, t.id).where(isPlanned(t.status)),
      k.index("runs_active_organization").on(t.organizationId, t.status).where(isActive(t.status)),
      k.index("runs_active").on(t.workspaceId, t.createdAt, t.id).where(isActive(t.status)),
    ],
  );

  const jobs = k.table(
    "jobs",
    {
      id: k.text<JobId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      workspaceId: ofWorkspace(),
      runId: k
        .text<RunId>("run_id")
        .notNull()
        .references(() => runs.id, { onDelete: "cascade" }),
      // Jobs outlive pools and agents: no foreign key.
      poolId: k.text<PoolId>("pool_id"),
      phase: k.text<JobPhase>("phase").notNull(),
      status: k.text<JobStatus>("status").notNull(),
      engine: k.text<Engine>("engine"),
      engineVersion: k.text("engine_version").notNull().default(""),
      rank: k.int("rank").notNull(),
      urgency: k.int<Urgency>("urgency").notNull().default(1),
      epoch: k.int("epoch").notNull(),
      attempt: k.int("attempt").notNull(),
      agentId: k.text<AgentId>("agent_id"),
      agentName: k.text("agent_name"),
      incarnation: k.text("incarnation"),
      desired: k.text<Desired>("desired").notNull(),
      cancelRequestedAt: k.instant("cancel_requested_at"),
      tokenHash: k.text("token_hash").unique("jobs_token_hash"),
      queuedAt: k.instant("queued_at").notNull(),
      offeredAt: k.instant("offered_at"),
      startedAt: k.instant("started_at"),
      endedAt: k.instant("ended_at"),
      leaseUntil: k.instant("lease_until"),
      exitCode: k.int("exit_code"),
      errorMessage: k.text("error_message").notNull(),
      logBytes: k.int("log_bytes"),
      isLogClosed: k.bool("is_log_closed").notNull(),
      logProblem: k.json<LogProblem>("log_problem"),
      stateSerial: k.int("state_serial"),
      lateEvidence: k.json<LateEvidence>("late_evidence"),
      distrustedBy: k.text<AgentTokenId>("distrusted_by"),
    },
    (t) => [
      k.index("jobs_run").on(t.runId),
      k.index("jobs_workspace").on(t.workspaceId),
      k.index("jobs_queued_workspace").on(t.workspaceId, t.rank, t.urgency, t.queuedAt, t.id).where(isQueued(t.status)),
      k.index("jobs_queued").on(t.rank, t.urgency, t.queuedAt, t.id).where(isQueued(t.status)),
      k
        .index("jobs_queued_share")
        .on(t.organizationId, t.poolId, t.rank, t.urgency, t.queuedAt, t.id)
        .where(isQueued(t.status)),
      k.index("jobs_status").on(t.status),
      k.index("jobs_claimed").on(t.organizationId).where(isClaimed(t.status)),
      k.index("jobs_overdue").on(t.leaseUntil).where(isClaimed(t.status)),
      k.index("jobs_agent").on(t.agentId).where(isClaimed(t.status)),
      k.index("jobs_agent_history").on(t.agentId, t.queuedAt, t.id),
      k.index("jobs_log_open").on(t.endedAt).where(isFalse(t.isLogClosed)),
    ],
  );

  const runEvents = k.table(
    "run_events",
    {
      runId: k
        .text<RunId>("run_id")
        .notNull()
        .references(() => runs.id, { onDelete: "cascade" }),
      position: k.int("position").notNull(),
      at: k.instant("at").notNull(),
      actor: k.text("actor").notNull(),
      status: k.text<RunStatus>("status"),
      title: k.text("title").notNull(),
      comment: k.text("comment").notNull(),
    },
    (t) => [k.primaryKey({ columns: [t.runId, t.position] })],
  );

  return { runs, jobs, runEvents };
}
