import { readFileSync } from "node:fs";
import { command } from "./command.ts";

/** The version of this program, from its package. */
export function programVersion(): string {
  const content = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(content) as { readonly version: string };
  return version;
}

export const version = command({
  name: "version",
  summary: "Print the version of this program",
  examples: ["windlass version", "windlass version -o json"],
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async ({ printer }) => {
    const own = { version: programVersion(), node: process.versions.node };
    await printer.plain(own, [`windlass ${own.version} (Node ${own.node})`]);
    return undefined;
  },
});
