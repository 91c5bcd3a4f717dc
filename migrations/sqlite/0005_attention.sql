ALTER TABLE `agents` ADD `place` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `agents` ADD `jobs_place` text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX `agents_warned` ON `agents` (`organization_id`,`name`,`id`) WHERE "agents"."warning" <> '';--> statement-breakpoint
CREATE INDEX `api_keys_ending` ON `api_keys` (`expires_at`,`id`) WHERE "api_keys"."expires_at" is not null and "api_keys"."revoked_at" is null and "api_keys"."replaced_by" is null;--> statement-breakpoint
CREATE INDEX `runs_planned` ON `runs` (`organization_id`,`status_at`,`id`) WHERE "runs"."status" = 'planned';--> statement-breakpoint
CREATE INDEX `tokens_ending` ON `tokens` (`expires_at`,`id`) WHERE "tokens"."expires_at" is not null and "tokens"."revoked_at" is null and "tokens"."replaced_by" is null;--> statement-breakpoint
CREATE INDEX `workspaces_held` ON `workspaces` (`organization_id`,`lock_run_id`) WHERE "workspaces"."lock_run_id" is not null;