ALTER TABLE `states` ADD `unread_reason` text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX `states_quarantined` ON `states` (`organization_id`) WHERE "states"."status" = 'quarantined';--> statement-breakpoint
CREATE INDEX `jobs_queued_share` ON `jobs` (`organization_id`,`pool_id`,`rank`,`urgency`,`queued_at`,`id`) WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX `jobs_status` ON `jobs` (`status`);--> statement-breakpoint
CREATE INDEX `jobs_claimed` ON `jobs` (`organization_id`) WHERE "jobs"."status" in ('offered', 'started');--> statement-breakpoint
CREATE INDEX `runs_active_organization` ON `runs` (`organization_id`,`status`) WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'confirmed', 'apply_queued', 'applying');