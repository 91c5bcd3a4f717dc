/** How an answer can be printed: tables for people, the rest for programs. */
export const outputFormats = ["table", "wide", "json", "jsonl", "yaml", "name"] as const;

/** Those, and what only some commands print. */
export const allFormats = [...outputFormats, "hcl"] as const;

export type OutputFormat = (typeof allFormats)[number];

/** True for the forms that a person reads. */
export const isForPeople = (format: OutputFormat): boolean => format === "table" || format === "wide";
