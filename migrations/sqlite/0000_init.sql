CREATE TABLE `agents` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`pool_id` text,
	`token_id` text,
	`incarnation` text NOT NULL,
	`boot_id` text NOT NULL,
	`session_epoch` integer NOT NULL,
	`session_token_hash` text NOT NULL,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`os` text NOT NULL,
	`arch` text NOT NULL,
	`labels` text NOT NULL,
	`address` text NOT NULL,
	`concurrency` integer NOT NULL,
	`sandbox` text NOT NULL,
	`status` text NOT NULL,
	`is_paused` integer NOT NULL,
	`is_draining` integer NOT NULL,
	`warning` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `agents_session_token_hash` ON `agents` (`session_token_hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `agents_incarnation` ON `agents` (`pool_id`,`incarnation`);--> statement-breakpoint
CREATE UNIQUE INDEX `agents_server_incarnation` ON `agents` (`incarnation`) WHERE "agents"."pool_id" is null;--> statement-breakpoint
CREATE INDEX `agents_name` ON `agents` (`organization_id`,`name`,`id`);--> statement-breakpoint
CREATE INDEX `agents_token` ON `agents` (`token_id`);--> statement-breakpoint
CREATE INDEX `agents_silent` ON `agents` (`last_seen_at`) WHERE "agents"."status" in ('idle', 'busy', 'unknown');--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`hash` text NOT NULL,
	`prefix` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`revoked_at` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_hash` ON `api_keys` (`hash`);--> statement-breakpoint
CREATE INDEX `api_keys_organization` ON `api_keys` (`organization_id`);--> statement-breakpoint
CREATE TABLE `audit` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`resource` text NOT NULL,
	`detail` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_organization` ON `audit` (`organization_id`,`at`,`id`);--> statement-breakpoint
CREATE TABLE `configurations` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`blob_key` text NOT NULL,
	`bytes` integer NOT NULL,
	`sha256` text NOT NULL,
	`file_count` integer NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `configurations_workspace` ON `configurations` (`workspace_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `grants` (
	`pool_id` text NOT NULL,
	`workspace_name` text NOT NULL,
	PRIMARY KEY(`pool_id`, `workspace_name`),
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `jobs` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`run_id` text NOT NULL,
	`pool_id` text,
	`phase` text NOT NULL,
	`status` text NOT NULL,
	`rank` integer NOT NULL,
	`epoch` integer NOT NULL,
	`attempt` integer NOT NULL,
	`agent_id` text,
	`agent_name` text,
	`incarnation` text,
	`desired` text NOT NULL,
	`cancel_requested_at` integer,
	`token_hash` text,
	`queued_at` integer NOT NULL,
	`offered_at` integer,
	`started_at` integer,
	`ended_at` integer,
	`lease_until` integer,
	`exit_code` integer,
	`error_message` text NOT NULL,
	`log_bytes` integer,
	`is_log_closed` integer NOT NULL,
	`state_serial` integer,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_token_hash` ON `jobs` (`token_hash`);--> statement-breakpoint
CREATE INDEX `jobs_run` ON `jobs` (`run_id`);--> statement-breakpoint
CREATE INDEX `jobs_workspace` ON `jobs` (`workspace_id`);--> statement-breakpoint
CREATE INDEX `jobs_queued_workspace` ON `jobs` (`workspace_id`,`rank`,`queued_at`,`id`) WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX `jobs_queued` ON `jobs` (`rank`,`queued_at`,`id`) WHERE "jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX `jobs_overdue` ON `jobs` (`lease_until`) WHERE "jobs"."status" in ('offered', 'started');--> statement-breakpoint
CREATE INDEX `jobs_agent` ON `jobs` (`agent_id`) WHERE "jobs"."status" in ('offered', 'started');--> statement-breakpoint
CREATE INDEX `jobs_log_open` ON `jobs` (`ended_at`) WHERE not "jobs"."is_log_closed";--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `organizations` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`max_agents` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_name` ON `organizations` (`name`);--> statement-breakpoint
CREATE TABLE `pools` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`is_organization_scoped` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `pools_name` ON `pools` (`organization_id`,`name`);--> statement-breakpoint
CREATE TABLE `requests` (
	`principal` text NOT NULL,
	`request_id` text NOT NULL,
	`method` text NOT NULL,
	`body_hash` text NOT NULL,
	`resource_id` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`principal`, `request_id`)
);
--> statement-breakpoint
CREATE INDEX `requests_at` ON `requests` (`at`);--> statement-breakpoint
CREATE TABLE `runs` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`configuration_id` text NOT NULL,
	`status` text NOT NULL,
	`options` text NOT NULL,
	`message` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`status_at` integer NOT NULL,
	`has_changes` integer NOT NULL,
	`planned_changes` text,
	`applied_changes` text,
	`plan_sha256` text,
	`plan_bytes` integer,
	`plan_blob_key` text,
	`summary_blob_key` text,
	`decided_by` text NOT NULL,
	`decided_at` integer,
	`decision_comment` text NOT NULL,
	`cancel_requested_at` integer,
	`error_message` text NOT NULL,
	`resources_in_flight` text NOT NULL,
	`ended_at` integer,
	`version` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `runs_organization` ON `runs` (`organization_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `runs_workspace` ON `runs` (`workspace_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `runs_pending` ON `runs` (`workspace_id`,`created_at`,`id`) WHERE "runs"."status" = 'pending';--> statement-breakpoint
CREATE INDEX `runs_active` ON `runs` (`workspace_id`,`created_at`,`id`) WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'confirmed', 'apply_queued', 'applying');--> statement-breakpoint
CREATE TABLE `states` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`run_id` text,
	`job_id` text,
	`lineage` text NOT NULL,
	`serial` integer NOT NULL,
	`status` text NOT NULL,
	`quarantine_reason` text NOT NULL,
	`sha256` text NOT NULL,
	`bytes` integer NOT NULL,
	`blob_key` text NOT NULL,
	`terraform_version` text NOT NULL,
	`resource_count` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `states_workspace` ON `states` (`workspace_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `states_serial` ON `states` (`workspace_id`,`serial`);--> statement-breakpoint
CREATE INDEX `states_job` ON `states` (`job_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `states_run` ON `states` (`run_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`pool_id` text NOT NULL,
	`description` text NOT NULL,
	`hash` text NOT NULL,
	`prefix` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`revoked_at` integer,
	`is_stopping` integer NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_hash` ON `tokens` (`hash`);--> statement-breakpoint
CREATE INDEX `tokens_pool` ON `tokens` (`pool_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `tokens_organization` ON `tokens` (`organization_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `variables` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`workspace_id` text NOT NULL,
	`key` text NOT NULL,
	`category` text NOT NULL,
	`value` text NOT NULL,
	`sealed_value` blob,
	`is_hcl` integer NOT NULL,
	`is_sensitive` integer NOT NULL,
	`description` text NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`workspace_id`) REFERENCES `workspaces`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `variables_key` ON `variables` (`workspace_id`,`key`,`category`);--> statement-breakpoint
CREATE TABLE `workspaces` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`execution_mode` text NOT NULL,
	`pool_id` text,
	`engine` text NOT NULL,
	`engine_version` text NOT NULL,
	`working_directory` text NOT NULL,
	`is_auto_apply` integer NOT NULL,
	`locked_at` integer,
	`lock_run_id` text,
	`lock_by` text,
	`lock_reason` text,
	`current_state_id` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `workspaces_name` ON `workspaces` (`organization_id`,`name`);--> statement-breakpoint
CREATE INDEX `workspaces_pool` ON `workspaces` (`pool_id`,`name`);