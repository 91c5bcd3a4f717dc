CREATE TABLE `former_secrets` (
	`id` text PRIMARY KEY NOT NULL,
	`workspace_id` text,
	`set_id` text,
	`sealed_value` blob NOT NULL,
	`is_hcl` integer NOT NULL,
	`replaced_at` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`set_id`) REFERENCES `variable_sets`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `former_secrets_workspace` ON `former_secrets` (`workspace_id`,`replaced_at`);--> statement-breakpoint
CREATE INDEX `former_secrets_set` ON `former_secrets` (`set_id`,`replaced_at`);--> statement-breakpoint
CREATE TABLE `provider_settings` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`pool_id` text,
	`sources` text NOT NULL,
	`hosts` text NOT NULL,
	`sealed_value` blob,
	`ca_certificates` text NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `provider_settings_organization` ON `provider_settings` (`organization_id`);--> statement-breakpoint
CREATE INDEX `provider_settings_pool` ON `provider_settings` (`pool_id`);--> statement-breakpoint
ALTER TABLE `agents` ADD `kept_directories` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `agents` ADD `unwanted_directories` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `plan_files_sha256` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `plan_files_bytes` integer;--> statement-breakpoint
ALTER TABLE `runs` ADD `plan_files_blob_key` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `warnings` text;--> statement-breakpoint
CREATE INDEX `runs_ended` ON `runs` (`ended_at`,`id`);--> statement-breakpoint
ALTER TABLE `states` ADD `job_sequence` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `states` ADD `is_final` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `states` ADD `base_serial` integer;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `init_timeout_ms` integer DEFAULT 0 NOT NULL;