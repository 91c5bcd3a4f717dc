import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

/** A terraform that writes down each of its executions before it becomes the real one. */
export interface CountingEngine {
  readonly path: string;
  /** What makes an agent use it. */
  readonly args: readonly string[];
  /** The arguments of the executions so far that began with `verb`. */
  executions(verb: string): Promise<readonly string[]>;
}

export async function countingEngine(directory: string): Promise<CountingEngine> {
  const path = join(directory, "terraform");
  const notes = join(directory, "executions");
  const script = `#!/bin/sh\necho "$*" >> '${notes}'\nexec '${await terraformPath()}' "$@"\n`;
  await writeFile(path, script, { mode: 0o755 });
  const executions = async (verb: string) =>
    (await readFile(notes, "utf8").catch(() => "")).split("\n").filter((line) => line.split(" ")[0] === verb);
  return { path, args: argsFor(path), executions };
}

/**
 * A terraform that runs `made.sh` of its directory before it plans, and `after.sh` at the end of it, as providers that make
 * files. Answers its path.
 */
export async function makingEngine(directory: string): Promise<string> {
  const path = join(directory, "terraform");
  const terraform = `'${await terraformPath()}' "$@"`;
  const script = [
    "#!/bin/sh",
    `[ "$1" = plan ] || exec ${terraform}`,
    "[ -f made.sh ] && . ./made.sh",
    `[ -f after.sh ] || exec ${terraform}`,
    terraform,
    "code=$?",
    ". ./after.sh",
    "exit $code",
  ];
  await writeFile(path, `${script.join("\n")}\n`, { mode: 0o755 });
  return path;
}

/** A terraform whose applies leave a copy of what they print. */
export interface RecordingEngine {
  /** What makes an agent use it. */
  readonly args: readonly string[];
  /** The events that the applies have printed so far. */
  events(): Promise<readonly TerraformEvent[]>;
}

export interface TerraformEvent {
  readonly type: string;
  readonly hook?: { readonly output?: string };
}

export async function recordingEngine(directory: string): Promise<RecordingEngine> {
  const path = join(directory, "terraform");
  const copy = join(directory, "printed");
  await writeFile(copy, "");
  const script = [
    "#!/bin/sh",
    `[ "$1" = apply ] || exec '${await terraformPath()}' "$@"`,
    `{ '${await terraformPath()}' "$@"; echo $? > '${copy}.status'; } | tee -a '${copy}'`,
    `exit "$(cat '${copy}.status')"`,
  ];
  await writeFile(path, `${script.join("\n")}\n`, { mode: 0o755 });
  const events = async () =>
    (await readFile(copy, "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line): TerraformEvent => JSON.parse(line));
  return { args: argsFor(path), events };
}

/** A log without what differs between two runs of the same configuration. */
export const normalized = (log: string): string =>
  log
    .split("\n")
    .filter((line) => !/: Still (creating|destroying|modifying)\.\.\. \[/.test(line))
    .join("\n")
    .replaceAll(/\[id=[0-9a-f-]{36}\]/g, "[id=…]")
    .replaceAll(/ after [0-9hms]+ /g, " after … ")
    .trim();

/** Runs terraform as a person would in a shell, and answers what it printed. */
export async function bareTerraform(directory: string, args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: directory,
    TF_CLI_CONFIG_FILE: "/dev/null",
    TF_IN_AUTOMATION: "1",
  };
  const kept = { maxBuffer: 256 * 1024 * 1024, stripFinalNewline: false };
  return (await execa("terraform", args, { cwd: directory, env, extendEnv: false, ...kept })).stdout;
}

const argsFor = (path: string) => ["--engine-path", path];

const terraformPath = async (): Promise<string> => (await execa("sh", ["-c", "command -v terraform"])).stdout;
