import type { SettingValues } from "../../lib/settings.ts";
import type { clientSettings } from "../../settings/client.ts";

/** How an answer can be printed. */
export type OutputFormat = NonNullable<SettingValues<typeof clientSettings>["output"]>;

/** Tables for people, the rest for programs; what else there is, only some commands print. */
export const outputFormats = [
  "table",
  "wide",
  "json",
  "jsonl",
  "yaml",
  "name",
] as const satisfies readonly OutputFormat[];

/** True for the forms that a person reads. */
export const isForPeople = (format: OutputFormat): boolean => format === "table" || format === "wide";
