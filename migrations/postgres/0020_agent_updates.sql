ALTER TABLE "agents" ADD COLUMN "update_status" json;--> statement-breakpoint
ALTER TABLE "pools" ADD COLUMN "update_policy" json;