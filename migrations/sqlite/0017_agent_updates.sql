ALTER TABLE `agents` ADD `update_status` text;--> statement-breakpoint
ALTER TABLE `pools` ADD `update_policy` text;