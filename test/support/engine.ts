import { execFile } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** A terraform that writes down each of its executions before it becomes the real one. */
export interface CountingEngine {
  readonly path: string;
  /** The arguments of the executions so far that began with `verb`. */
  executions(verb: string): Promise<readonly string[]>;
}

export async function countingEngine(directory: string): Promise<CountingEngine> {
  const path = join(directory, "terraform");
  const notes = join(directory, "executions");
  const { stdout } = await promisify(execFile)("sh", ["-c", "command -v terraform"]);
  await writeFile(path, `#!/bin/sh\necho "$*" >> '${notes}'\nexec '${stdout.trim()}' "$@"\n`);
  await chmod(path, 0o755);
  const executions = async (verb: string) =>
    (await readFile(notes, "utf8").catch(() => "")).split("\n").filter((line) => line.split(" ")[0] === verb);
  return { path, executions };
}

/** What terraform prints by itself: the same for every run of the same configuration. */
export const normalized = (log: string): string =>
  log
    .split("\n")
    .filter((line) => !/: Still (creating|destroying|modifying)\.\.\. \[/.test(line))
    .join("\n")
    .replaceAll(/\[id=[0-9a-f-]{36}\]/g, "[id=…]")
    .replaceAll(/ after \d+m?\d*s /g, " after …s ");

/** Runs terraform as a person would in a shell, and answers what it printed. */
export async function bareTerraform(directory: string, args: readonly string[]): Promise<string> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, TF_CLI_CONFIG_FILE: "/dev/null", TF_IN_AUTOMATION: "1" };
  const options = { cwd: directory, env, maxBuffer: 256 * 1024 * 1024 };
  return (await promisify(execFile)("terraform", [...args], options)).stdout;
}
