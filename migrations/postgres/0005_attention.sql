ALTER TABLE "agents" ADD COLUMN "place" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "jobs_place" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX "agents_warned" ON "agents" USING btree ("organization_id","name","id") WHERE "agents"."warning" <> '';--> statement-breakpoint
CREATE INDEX "api_keys_ending" ON "api_keys" USING btree ("expires_at","id") WHERE "api_keys"."expires_at" is not null and "api_keys"."revoked_at" is null and "api_keys"."replaced_by" is null;--> statement-breakpoint
CREATE INDEX "runs_planned" ON "runs" USING btree ("organization_id","status_at","id") WHERE "runs"."status" = 'planned';--> statement-breakpoint
CREATE INDEX "tokens_ending" ON "tokens" USING btree ("expires_at","id") WHERE "tokens"."expires_at" is not null and "tokens"."revoked_at" is null and "tokens"."replaced_by" is null;--> statement-breakpoint
CREATE INDEX "workspaces_held" ON "workspaces" USING btree ("organization_id","lock_run_id") WHERE "workspaces"."lock_run_id" is not null;