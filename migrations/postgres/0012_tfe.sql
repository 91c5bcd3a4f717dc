CREATE TABLE "state_announcements" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"workspace_id" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C",
	"lineage" text COLLATE "C" NOT NULL,
	"serial" bigint NOT NULL,
	"md5" text COLLATE "C" NOT NULL,
	"is_forced" boolean NOT NULL,
	"is_intermediate" boolean NOT NULL,
	"json_blob_key" text COLLATE "C",
	"created_by" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspace_tag_bindings" (
	"workspace_id" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"value" text COLLATE "C" NOT NULL,
	CONSTRAINT "workspace_tag_bindings_workspace_id_key_pk" PRIMARY KEY("workspace_id","key")
);
--> statement-breakpoint
ALTER TABLE "configurations" ADD COLUMN "status" text COLLATE "C" DEFAULT 'uploaded' NOT NULL;--> statement-breakpoint
ALTER TABLE "configurations" ADD COLUMN "error_message" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "configurations" ADD COLUMN "is_speculative" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "configurations" ADD COLUMN "is_provisional" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "configurations" ADD COLUMN "queues_run" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "configurations" ADD COLUMN "uploaded_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "default_pool_id" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "email" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "allows_force_delete" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "kept_attributes" json DEFAULT '{}'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "plan_json_blob_key" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "redacted_plan_blob_key" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "base_state_id" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "set_variables" ADD COLUMN "revision" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "json_blob_key" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "is_intermediate" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "variable_sets" ADD COLUMN "is_priority" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "variables" ADD COLUMN "revision" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "inherits_execution_mode" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "allows_destroy" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "tag_bindings" json DEFAULT '{}'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "source_name" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "source_url" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "kept_attributes" json DEFAULT '{}'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "state_announcements" ADD CONSTRAINT "state_announcements_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_tag_bindings" ADD CONSTRAINT "workspace_tag_bindings_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "state_announcements_workspace" ON "state_announcements" USING btree ("workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "state_announcements_created" ON "state_announcements" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "workspace_tag_bindings_key" ON "workspace_tag_bindings" USING btree ("key","value","workspace_id");