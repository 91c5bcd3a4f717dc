CREATE TABLE "agents" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C",
	"pool_id" text COLLATE "C",
	"token_id" text COLLATE "C",
	"incarnation" text COLLATE "C" NOT NULL,
	"boot_id" text COLLATE "C" NOT NULL,
	"session_epoch" bigint NOT NULL,
	"session_token_hash" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"version" text COLLATE "C" NOT NULL,
	"os" text COLLATE "C" NOT NULL,
	"arch" text COLLATE "C" NOT NULL,
	"labels" json NOT NULL,
	"address" text COLLATE "C" NOT NULL,
	"concurrency" bigint NOT NULL,
	"sandbox" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"is_paused" boolean NOT NULL,
	"is_draining" boolean NOT NULL,
	"warning" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "agents_session_token_hash" UNIQUE("session_token_hash")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C",
	"name" text COLLATE "C" NOT NULL,
	"role" text COLLATE "C" NOT NULL,
	"hash" text COLLATE "C" NOT NULL,
	"prefix" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "api_keys_hash" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C",
	"at" timestamp (3) with time zone NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"action" text COLLATE "C" NOT NULL,
	"resource" text COLLATE "C" NOT NULL,
	"detail" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "blob_pieces" (
	"upload" text COLLATE "C" NOT NULL,
	"position" bigint NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "blob_pieces_upload_position_pk" PRIMARY KEY("upload","position")
);
--> statement-breakpoint
CREATE TABLE "blob_uploads" (
	"upload" text COLLATE "C" PRIMARY KEY NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "blobs" (
	"key" text COLLATE "C" PRIMARY KEY NOT NULL,
	"upload" text COLLATE "C" NOT NULL,
	"bytes" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "configurations" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	"blob_key" text COLLATE "C" NOT NULL,
	"bytes" bigint NOT NULL,
	"sha256" text COLLATE "C" NOT NULL,
	"file_count" bigint NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "grants" (
	"pool_id" text COLLATE "C" NOT NULL,
	"workspace_name" text COLLATE "C" NOT NULL,
	CONSTRAINT "grants_pool_id_workspace_name_pk" PRIMARY KEY("pool_id","workspace_name")
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C" NOT NULL,
	"pool_id" text COLLATE "C",
	"phase" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"rank" bigint NOT NULL,
	"epoch" bigint NOT NULL,
	"attempt" bigint NOT NULL,
	"agent_id" text COLLATE "C",
	"agent_name" text COLLATE "C",
	"incarnation" text COLLATE "C",
	"desired" text COLLATE "C" NOT NULL,
	"cancel_requested_at" timestamp (3) with time zone,
	"token_hash" text COLLATE "C",
	"queued_at" timestamp (3) with time zone NOT NULL,
	"offered_at" timestamp (3) with time zone,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"lease_until" timestamp (3) with time zone,
	"exit_code" bigint,
	"error_message" text COLLATE "C" NOT NULL,
	"log_bytes" bigint,
	"is_log_closed" boolean NOT NULL,
	"state_serial" bigint,
	CONSTRAINT "jobs_token_hash" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "log_pieces" (
	"stream" text COLLATE "C" NOT NULL,
	"start" bigint NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "log_pieces_stream_start_pk" PRIMARY KEY("stream","start")
);
--> statement-breakpoint
CREATE TABLE "log_streams" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"length" bigint NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"missing" bigint,
	"sha256" text COLLATE "C"
);
--> statement-breakpoint
CREATE TABLE "meta" (
	"key" text COLLATE "C" PRIMARY KEY NOT NULL,
	"value" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"max_agents" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"version" bigint NOT NULL,
	CONSTRAINT "organizations_name" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "pools" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"description" text COLLATE "C" NOT NULL,
	"is_organization_scoped" boolean NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"principal" text COLLATE "C" NOT NULL,
	"request_id" text COLLATE "C" NOT NULL,
	"method" text COLLATE "C" NOT NULL,
	"body_hash" text COLLATE "C" NOT NULL,
	"resource_id" text COLLATE "C" NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "requests_principal_request_id_pk" PRIMARY KEY("principal","request_id")
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	"configuration_id" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"options" json NOT NULL,
	"message" text COLLATE "C" NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"status_at" timestamp (3) with time zone NOT NULL,
	"has_changes" boolean NOT NULL,
	"planned_changes" json,
	"applied_changes" json,
	"plan_sha256" text COLLATE "C",
	"plan_bytes" bigint,
	"plan_blob_key" text COLLATE "C",
	"summary_blob_key" text COLLATE "C",
	"decided_by" text COLLATE "C" NOT NULL,
	"decided_at" timestamp (3) with time zone,
	"decision_comment" text COLLATE "C" NOT NULL,
	"cancel_requested_at" timestamp (3) with time zone,
	"error_message" text COLLATE "C" NOT NULL,
	"resources_in_flight" json NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "states" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C",
	"job_id" text COLLATE "C",
	"lineage" text COLLATE "C" NOT NULL,
	"serial" bigint NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"quarantine_reason" text COLLATE "C" NOT NULL,
	"sha256" text COLLATE "C" NOT NULL,
	"bytes" bigint NOT NULL,
	"blob_key" text COLLATE "C" NOT NULL,
	"terraform_version" text COLLATE "C" NOT NULL,
	"resource_count" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"pool_id" text COLLATE "C" NOT NULL,
	"description" text COLLATE "C" NOT NULL,
	"hash" text COLLATE "C" NOT NULL,
	"prefix" text COLLATE "C" NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"is_stopping" boolean NOT NULL,
	CONSTRAINT "tokens_hash" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "variables" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"category" text COLLATE "C" NOT NULL,
	"value" text COLLATE "C" NOT NULL,
	"sealed_value" "bytea",
	"is_hcl" boolean NOT NULL,
	"is_sensitive" boolean NOT NULL,
	"description" text COLLATE "C" NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"description" text COLLATE "C" NOT NULL,
	"execution_mode" text COLLATE "C" NOT NULL,
	"pool_id" text COLLATE "C",
	"engine" text COLLATE "C" NOT NULL,
	"engine_version" text COLLATE "C" NOT NULL,
	"working_directory" text COLLATE "C" NOT NULL,
	"is_auto_apply" boolean NOT NULL,
	"locked_at" timestamp (3) with time zone,
	"lock_run_id" text COLLATE "C",
	"lock_by" text COLLATE "C",
	"lock_reason" text COLLATE "C",
	"current_state_id" text COLLATE "C",
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "agents" ADD CONSTRAINT "agents_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "configurations" ADD CONSTRAINT "configurations_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "grants" ADD CONSTRAINT "grants_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "states" ADD CONSTRAINT "states_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tokens" ADD CONSTRAINT "tokens_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "variables" ADD CONSTRAINT "variables_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "agents_incarnation" ON "agents" USING btree ("pool_id","incarnation");--> statement-breakpoint
CREATE UNIQUE INDEX "agents_server_incarnation" ON "agents" USING btree ("incarnation") WHERE "agents"."pool_id" is null;--> statement-breakpoint
CREATE INDEX "agents_name" ON "agents" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "agents_token" ON "agents" USING btree ("token_id");--> statement-breakpoint
CREATE INDEX "agents_silent" ON "agents" USING btree ("last_seen_at") WHERE "agents"."status" in ('idle', 'busy', 'unknown');--> statement-breakpoint
CREATE INDEX "api_keys_organization" ON "api_keys" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "audit_organization" ON "audit" USING btree ("organization_id","at","id");--> statement-breakpoint
CREATE INDEX "configurations_workspace" ON "configurations" USING btree ("workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "jobs_run" ON "jobs" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "jobs_workspace" ON "jobs" USING btree ("workspace_id");--> statement-breakpoint
CREATE INDEX "jobs_queued_workspace" ON "jobs" USING btree ("workspace_id","rank","queued_at","id") WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_queued" ON "jobs" USING btree ("rank","queued_at","id") WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_overdue" ON "jobs" USING btree ("lease_until") WHERE "jobs"."status" in ('offered', 'started');--> statement-breakpoint
CREATE INDEX "jobs_agent" ON "jobs" USING btree ("agent_id") WHERE "jobs"."status" in ('offered', 'started');--> statement-breakpoint
CREATE INDEX "jobs_log_open" ON "jobs" USING btree ("ended_at") WHERE not "jobs"."is_log_closed";--> statement-breakpoint
CREATE UNIQUE INDEX "pools_name" ON "pools" USING btree ("organization_id","name");--> statement-breakpoint
CREATE INDEX "requests_at" ON "requests" USING btree ("at");--> statement-breakpoint
CREATE INDEX "runs_organization" ON "runs" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "runs_workspace" ON "runs" USING btree ("workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "runs_pending" ON "runs" USING btree ("workspace_id","created_at","id") WHERE "runs"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "runs_active" ON "runs" USING btree ("workspace_id","created_at","id") WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'confirmed', 'apply_queued', 'applying');--> statement-breakpoint
CREATE INDEX "states_workspace" ON "states" USING btree ("workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "states_serial" ON "states" USING btree ("workspace_id","serial");--> statement-breakpoint
CREATE INDEX "states_job" ON "states" USING btree ("job_id","created_at","id");--> statement-breakpoint
CREATE INDEX "states_run" ON "states" USING btree ("run_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tokens_pool" ON "tokens" USING btree ("pool_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tokens_organization" ON "tokens" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "variables_key" ON "variables" USING btree ("workspace_id","key","category");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_name" ON "workspaces" USING btree ("organization_id","name");--> statement-breakpoint
CREATE INDEX "workspaces_pool" ON "workspaces" USING btree ("pool_id","name");