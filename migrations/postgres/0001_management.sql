CREATE TABLE "run_events" (
	"run_id" text COLLATE "C" NOT NULL,
	"position" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"status" text COLLATE "C",
	"title" text COLLATE "C" NOT NULL,
	"comment" text COLLATE "C" NOT NULL,
	CONSTRAINT "run_events_run_id_position_pk" PRIMARY KEY("run_id","position")
);
--> statement-breakpoint
CREATE TABLE "set_variables" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"set_id" text COLLATE "C" NOT NULL,
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
CREATE TABLE "state_consumers" (
	"workspace_id" text COLLATE "C" NOT NULL,
	"consumer_name" text COLLATE "C" NOT NULL,
	CONSTRAINT "state_consumers_workspace_id_consumer_name_pk" PRIMARY KEY("workspace_id","consumer_name")
);
--> statement-breakpoint
CREATE TABLE "variable_set_workspaces" (
	"set_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	CONSTRAINT "variable_set_workspaces_set_id_workspace_id_pk" PRIMARY KEY("set_id","workspace_id")
);
--> statement-breakpoint
CREATE TABLE "variable_sets" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"description" text COLLATE "C" NOT NULL,
	"is_global" boolean NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_tags" (
	"workspace_id" text COLLATE "C" NOT NULL,
	"tag" text COLLATE "C" NOT NULL,
	CONSTRAINT "workspace_tags_workspace_id_tag_pk" PRIMARY KEY("workspace_id","tag")
);
--> statement-breakpoint
DROP INDEX "api_keys_organization";--> statement-breakpoint
DROP INDEX "jobs_queued_workspace";--> statement-breakpoint
DROP INDEX "jobs_queued";--> statement-breakpoint
DROP INDEX "runs_pending";--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "pause_reason" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "connected_to" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "created_by" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "last_used_address" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "replaced_by" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "urgency" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "max_workspaces" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "default_execution_mode" text COLLATE "C" DEFAULT 'remote' NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "default_engine" text COLLATE "C" DEFAULT 'terraform' NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "default_engine_version" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "canceled_by" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "source" text COLLATE "C" DEFAULT 'api' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "urgency" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "retry_of" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "created_by" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "rollback_of" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "tokens" ADD COLUMN "last_used_address" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "tokens" ADD COLUMN "replaced_by" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "tags" json DEFAULT '[]'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "agent_selector" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "plan_timeout_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "apply_timeout_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "shares_state" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "parallelism" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "run_events" ADD CONSTRAINT "run_events_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "set_variables" ADD CONSTRAINT "set_variables_set_id_variable_sets_id_fk" FOREIGN KEY ("set_id") REFERENCES "public"."variable_sets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "state_consumers" ADD CONSTRAINT "state_consumers_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "variable_set_workspaces" ADD CONSTRAINT "variable_set_workspaces_set_id_variable_sets_id_fk" FOREIGN KEY ("set_id") REFERENCES "public"."variable_sets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "variable_set_workspaces" ADD CONSTRAINT "variable_set_workspaces_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_tags" ADD CONSTRAINT "workspace_tags_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "set_variables_key" ON "set_variables" USING btree ("set_id","key","category");--> statement-breakpoint
CREATE INDEX "state_consumers_name" ON "state_consumers" USING btree ("consumer_name","workspace_id");--> statement-breakpoint
CREATE INDEX "variable_set_workspaces_workspace" ON "variable_set_workspaces" USING btree ("workspace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "variable_sets_name" ON "variable_sets" USING btree ("organization_id","name");--> statement-breakpoint
CREATE INDEX "workspace_tags_tag" ON "workspace_tags" USING btree ("tag","workspace_id");--> statement-breakpoint
CREATE INDEX "api_keys_created" ON "api_keys" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("at","id");--> statement-breakpoint
CREATE INDEX "jobs_agent_history" ON "jobs" USING btree ("agent_id","queued_at","id");--> statement-breakpoint
CREATE INDEX "api_keys_organization" ON "api_keys" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "jobs_queued_workspace" ON "jobs" USING btree ("workspace_id","rank","urgency","queued_at","id") WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_queued" ON "jobs" USING btree ("rank","urgency","queued_at","id") WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "runs_pending" ON "runs" USING btree ("workspace_id","urgency","created_at","id") WHERE "runs"."status" = 'pending';