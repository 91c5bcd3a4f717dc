CREATE TABLE `state_announcements` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`run_id` text,
	`lineage` text NOT NULL,
	`serial` integer NOT NULL,
	`md5` text NOT NULL,
	`is_forced` integer NOT NULL,
	`is_intermediate` integer NOT NULL,
	`json_blob_key` text,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `state_announcements_workspace` ON `state_announcements` (`workspace_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `state_announcements_created` ON `state_announcements` (`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `workspace_tag_bindings` (
	`workspace_id` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	PRIMARY KEY(`workspace_id`, `key`),
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `workspace_tag_bindings_key` ON `workspace_tag_bindings` (`key`,`value`,`workspace_id`);--> statement-breakpoint
ALTER TABLE `configurations` ADD `status` text DEFAULT 'uploaded' NOT NULL;--> statement-breakpoint
ALTER TABLE `configurations` ADD `error_message` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `configurations` ADD `is_speculative` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `configurations` ADD `is_provisional` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `configurations` ADD `queues_run` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `configurations` ADD `uploaded_at` integer;--> statement-breakpoint
ALTER TABLE `organizations` ADD `default_pool_id` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `email` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `allows_force_delete` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `kept_attributes` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `plan_json_blob_key` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `redacted_plan_blob_key` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `base_state_id` text;--> statement-breakpoint
ALTER TABLE `set_variables` ADD `revision` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `states` ADD `json_blob_key` text;--> statement-breakpoint
ALTER TABLE `states` ADD `is_intermediate` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `variable_sets` ADD `is_priority` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `variables` ADD `revision` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `inherits_execution_mode` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `allows_destroy` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `tag_bindings` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `source_name` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `source_url` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `workspaces` ADD `kept_attributes` text DEFAULT '{}' NOT NULL;