ALTER TABLE "agents" ADD COLUMN "engines" json;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "engine" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "engine_version" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "engine" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "engine_version" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "plan_lock_file" text COLLATE "C";