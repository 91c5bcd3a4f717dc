ALTER TABLE "states" ADD COLUMN "unread_reason" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX "jobs_queued_share" ON "jobs" USING btree ("organization_id","pool_id","rank","urgency","queued_at","id") WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_status" ON "jobs" USING btree ("status");--> statement-breakpoint
CREATE INDEX "jobs_claimed" ON "jobs" USING btree ("organization_id") WHERE "jobs"."status" in ('offered', 'started');--> statement-breakpoint
CREATE INDEX "runs_active_organization" ON "runs" USING btree ("organization_id","status") WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'confirmed', 'apply_queued', 'applying');--> statement-breakpoint
CREATE INDEX "states_quarantined" ON "states" USING btree ("organization_id") WHERE "states"."status" = 'quarantined';