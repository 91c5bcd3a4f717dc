CREATE TABLE `upload_parts` (
	`upload_id` text NOT NULL,
	`start` integer NOT NULL,
	`bytes` integer NOT NULL,
	`blob_key` text NOT NULL,
	PRIMARY KEY(`upload_id`, `start`),
	FOREIGN KEY (`upload_id`) REFERENCES `uploads`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `uploads` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`organization_id` text NOT NULL,
	`is_of_job` integer NOT NULL,
	`sha256` text NOT NULL,
	`bytes` integer NOT NULL,
	`received` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `uploads_owner` ON `uploads` (`owner`,`sha256`,`bytes`);--> statement-breakpoint
CREATE INDEX `uploads_organization` ON `uploads` (`organization_id`);--> statement-breakpoint
CREATE INDEX `uploads_created` ON `uploads` (`created_at`,`id`);