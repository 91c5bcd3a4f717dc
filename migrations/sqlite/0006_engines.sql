ALTER TABLE `agents` ADD `engines` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `engine` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `engine_version` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `engine` text;--> statement-breakpoint
ALTER TABLE `runs` ADD `engine_version` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `plan_lock_file` text;