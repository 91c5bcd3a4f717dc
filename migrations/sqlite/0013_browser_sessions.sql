CREATE TABLE `browser_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`api_key_id` text NOT NULL,
	`hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_used_at` integer NOT NULL,
	`last_used_address` text NOT NULL,
	`ends_at` integer NOT NULL,
	`user_agent` text NOT NULL,
	FOREIGN KEY (`api_key_id`) REFERENCES `api_keys`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `browser_sessions_hash` ON `browser_sessions` (`hash`);--> statement-breakpoint
CREATE INDEX `browser_sessions_key` ON `browser_sessions` (`api_key_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `browser_sessions_ending` ON `browser_sessions` (`ends_at`,`id`);