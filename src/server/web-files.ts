import { fileURLToPath } from "node:url";
import type { Log } from "../lib/program/log.ts";
import { readWebFiles, type WebFiles } from "../web/files.ts";

const buildDirectory = fileURLToPath(new URL("../../dist/web", import.meta.url));

/** The UI as it was built; undefined if it was not, which the log says. */
export function builtWebFiles(log: Pick<Log, "warn">, directory = buildDirectory): WebFiles | undefined {
  const found = readWebFiles(directory);
  if (found.kind === "found") return found.files;
  log.warn(
    { directory, why: found.why },
    "there is no UI for browsers: build it (npm run build -w web), or say --no-web",
  );
  return undefined;
}
