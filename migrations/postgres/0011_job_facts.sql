DROP INDEX "runs_active_organization";--> statement-breakpoint
DROP INDEX "runs_active";--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "late_evidence" json;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "distrusted_by" text COLLATE "C";--> statement-breakpoint
CREATE INDEX "runs_active_organization" ON "runs" USING btree ("organization_id","status") WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'apply_queued', 'applying');--> statement-breakpoint
CREATE INDEX "runs_active" ON "runs" USING btree ("workspace_id","created_at","id") WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'apply_queued', 'applying');--> statement-breakpoint
UPDATE "jobs" SET "distrusted_by" = "meta"."value" FROM "meta" WHERE "meta"."key" >= 'distrusted/' AND "meta"."key" < 'distrusted0' AND "jobs"."id" = substr("meta"."key", 12);--> statement-breakpoint
DELETE FROM "meta" WHERE "key" >= 'distrusted/' AND "key" < 'distrusted0';
