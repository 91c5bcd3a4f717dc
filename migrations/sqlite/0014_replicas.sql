CREATE TABLE `presences` (
	`agent_id` text PRIMARY KEY NOT NULL,
	`replica_id` text NOT NULL,
	`session_epoch` integer NOT NULL,
	`version` integer NOT NULL,
	`facts` text
);
--> statement-breakpoint
CREATE INDEX `presences_replica` ON `presences` (`replica_id`,`version`);--> statement-breakpoint
CREATE TABLE `replicas` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`address` text NOT NULL,
	`started_at` integer NOT NULL,
	`seen_at` integer NOT NULL,
	`clock_at` integer NOT NULL,
	`beats` integer NOT NULL,
	`losses` integer NOT NULL,
	`lost_at` integer
);
--> statement-breakpoint
ALTER TABLE `agents` ADD `replica_id` text;