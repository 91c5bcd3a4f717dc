CREATE TABLE "former_secrets" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"workspace_id" text COLLATE "C",
	"set_id" text COLLATE "C",
	"sealed_value" "bytea" NOT NULL,
	"is_hcl" boolean NOT NULL,
	"replaced_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provider_settings" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"pool_id" text COLLATE "C",
	"sources" json NOT NULL,
	"hosts" json NOT NULL,
	"sealed_value" "bytea",
	"ca_certificates" text COLLATE "C" NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "kept_directories" json DEFAULT '[]'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "unwanted_directories" json DEFAULT '[]'::json NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "plan_files_sha256" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "plan_files_bytes" bigint;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "plan_files_blob_key" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "warnings" json;--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "job_sequence" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "is_final" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "states" ADD COLUMN "base_serial" bigint;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "init_timeout_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "former_secrets" ADD CONSTRAINT "former_secrets_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "former_secrets" ADD CONSTRAINT "former_secrets_set_id_variable_sets_id_fk" FOREIGN KEY ("set_id") REFERENCES "public"."variable_sets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_settings" ADD CONSTRAINT "provider_settings_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_settings" ADD CONSTRAINT "provider_settings_pool_id_pools_id_fk" FOREIGN KEY ("pool_id") REFERENCES "public"."pools"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "former_secrets_workspace" ON "former_secrets" USING btree ("workspace_id","replaced_at");--> statement-breakpoint
CREATE INDEX "former_secrets_set" ON "former_secrets" USING btree ("set_id","replaced_at");--> statement-breakpoint
CREATE INDEX "provider_settings_organization" ON "provider_settings" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "provider_settings_pool" ON "provider_settings" USING btree ("pool_id");--> statement-breakpoint
CREATE INDEX "runs_ended" ON "runs" USING btree ("ended_at","id");