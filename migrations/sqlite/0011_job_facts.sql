DROP INDEX `runs_active_organization`;--> statement-breakpoint
DROP INDEX `runs_active`;--> statement-breakpoint
CREATE INDEX `runs_active_organization` ON `runs` (`organization_id`,`status`) WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'apply_queued', 'applying');--> statement-breakpoint
CREATE INDEX `runs_active` ON `runs` (`workspace_id`,`created_at`,`id`) WHERE "runs"."status" in ('pending', 'plan_queued', 'planning', 'planned', 'apply_queued', 'applying');--> statement-breakpoint
ALTER TABLE `jobs` ADD `late_evidence` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `distrusted_by` text;--> statement-breakpoint
UPDATE `jobs` SET `distrusted_by` = (SELECT `value` FROM `meta` WHERE `key` = 'distrusted/' || `jobs`.`id`) WHERE `id` IN (SELECT substr(`key`, 12) FROM `meta` WHERE `key` >= 'distrusted/' AND `key` < 'distrusted0');--> statement-breakpoint
DELETE FROM `meta` WHERE `key` >= 'distrusted/' AND `key` < 'distrusted0';
