import { version as programVersion } from "../../lib/program/version.ts";
import { command } from "../shared/command.ts";

export const version = command({
  name: "version",
  summary: "Print the version of this program",
  examples: ["windlass version", "windlass version -o json"],
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async ({ printer }) => {
    const own = { version: programVersion, node: process.versions.node };
    await printer.plain(own, [`windlass ${own.version} (Node ${own.node})`]);
    return undefined;
  },
});
