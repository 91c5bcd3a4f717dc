CREATE TABLE `run_events` (
	`run_id` text NOT NULL,
	`position` integer NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`status` text,
	`title` text NOT NULL,
	`comment` text NOT NULL,
	PRIMARY KEY(`run_id`, `position`),
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `set_variables` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`set_id` text NOT NULL,
	`key` text NOT NULL,
	`category` text NOT NULL,
	`value` text NOT NULL,
	`sealed_value` blob,
	`is_hcl` integer NOT NULL,
	`is_sensitive` integer NOT NULL,
	`description` text NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`set_id`) REFERENCES `variable_sets`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `set_variables_key` ON `set_variables` (`set_id`,`key`,`category`);--> statement-breakpoint
CREATE TABLE `state_consumers` (
	`workspace_id` text NOT NULL,
	`consumer_name` text NOT NULL,
	PRIMARY KEY(`workspace_id`, `consumer_name`),
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `state_consumers_name` ON `state_consumers` (`consumer_name`,`workspace_id`);--> statement-breakpoint
CREATE TABLE `variable_set_workspaces` (
	`set_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	PRIMARY KEY(`set_id`, `workspace_id`),
	FOREIGN KEY (`set_id`) REFERENCES `variable_sets`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `variable_set_workspaces_workspace` ON `variable_set_workspaces` (`workspace_id`);--> statement-breakpoint
CREATE TABLE `variable_sets` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`is_global` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `variable_sets_name` ON `variable_sets` (`organization_id`,`name`);--> statement-breakpoint
CREATE TABLE `workspace_tags` (
	`workspace_id` text NOT NULL,
	`tag` text NOT NULL,
	PRIMARY KEY(`workspace_id`, `tag`),
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `workspace_tags_tag` ON `workspace_tags` (`tag`,`workspace_id`);--> statement-breakpoint
DROP INDEX `api_keys_organization`;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `created_by` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `last_used_address` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `replaced_by` text;--> statement-breakpoint
CREATE INDEX `api_keys_created` ON `api_keys` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `api_keys_organization` ON `api_keys` (`organization_id`,`created_at`,`id`);--> statement-breakpoint
DROP INDEX `jobs_queued_workspace`;--> statement-breakpoint
DROP INDEX `jobs_queued`;--> statement-breakpoint
ALTER TABLE `jobs` ADD `urgency` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `jobs_agent_history` ON `jobs` (`agent_id`,`queued_at`,`id`);--> statement-breakpoint
CREATE INDEX `jobs_queued_workspace` ON `jobs` (`workspace_id`,`rank`,`urgency`,`queued_at`,`id`) WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX `jobs_queued` ON `jobs` (`rank`,`urgency`,`queued_at`,`id`) WHERE "jobs"."status" = 'queued';--> statement-breakpoint
DROP INDEX `runs_pending`;--> statement-breakpoint
ALTER TABLE `runs` ADD `canceled_by` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `source` text DEFAULT 'api' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `urgency` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `retry_of` text;--> statement-breakpoint
CREATE INDEX `runs_pending` ON `runs` (`workspace_id`,`urgency`,`created_at`,`id`) WHERE "runs"."status" = 'pending';--> statement-breakpoint
ALTER TABLE `agents` ADD `pause_reason` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `agents` ADD `connected_to` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `max_workspaces` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `default_execution_mode` text DEFAULT 'remote' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `default_engine` text DEFAULT 'terraform' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `default_engine_version` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `states` ADD `created_by` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `states` ADD `rollback_of` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `last_used_address` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `tokens` ADD `replaced_by` text;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `tags` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `agent_selector` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `plan_timeout_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `apply_timeout_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `shares_state` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `parallelism` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at`,`id`);