import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { parseVersionConstraint } from "./version-constraint.ts";

export type EngineName = "terraform" | "tofu";

export interface EngineRequest {
  readonly engine: EngineName;
  /** In terraform's syntax; "" takes any version. */
  readonly versionConstraint: string;
  /** A program chosen by the agent's operator; without one `path` is searched. */
  readonly enginePath?: string;
  /** A search path as in PATH. */
  readonly path: string;
  /** Who asks for the version; the workspace if absent. */
  readonly askedBy?: "workspace" | "plan";
}

/** Messages are for the run: they name what was looked for, where, and what to do. */
export type EngineFound =
  | { readonly kind: "found"; readonly file: string; readonly version: string }
  | { readonly kind: "missing"; readonly message: string }
  | { readonly kind: "wrong-version"; readonly message: string; readonly found: string };

const versionDeadlineMs = 20_000;
const versions = new Map<string, Promise<VersionAnswer>>();

type VersionAnswer =
  | { readonly kind: "version"; readonly version: string }
  | { readonly kind: "failed"; readonly why: string };

/**
 * Finds the program for a run: the operator's choice, or the first on the search path whose version fits. A program is asked
 * for its version once; it is asked again when its file changes.
 */
export async function findEngine(request: EngineRequest): Promise<EngineFound> {
  const { engine, versionConstraint, enginePath, path } = request;
  const constraint = parseVersionConstraint(versionConstraint);
  if (constraint === undefined)
    return missing(
      `${JSON.stringify(versionConstraint)} is not a version constraint: expected for example "1.11.4", "~> 1.11" or ">= 1.5, < 2.0"`,
    );
  const candidates = enginePath === undefined ? await onPath(engine, path) : await programs([enginePath]);
  if (candidates.length === 0) return missing(notFound(request));
  const wrong: { readonly file: string; readonly version: string }[] = [];
  const failures: string[] = [];
  for (const file of candidates) {
    const answer = await versionOf(file);
    if (answer.kind === "failed") failures.push(`${file} ${answer.why}`);
    else if (constraint.allows(answer.version)) return { kind: "found", file, version: answer.version };
    else wrong.push({ file, version: answer.version });
  }
  const first = wrong[0];
  if (first === undefined)
    return missing(`${engine} does not work on this agent: ${failures.join("; ")}. Install it again`);
  return { kind: "wrong-version", found: first.version, message: wrongVersion(request, wrong) };
}

const missing = (message: string): EngineFound => ({ kind: "missing", message });

const notFound = ({ engine, enginePath, path }: EngineRequest): string =>
  enginePath === undefined
    ? `${engine} was not found on this agent: looked in ${path.split(delimiter).join(", ") || "an empty PATH"}. Install ${engine} there, or start the agent with the path of the program`
    : `${engine} was not found on this agent: ${enginePath} is not a program that can be run. Correct the path that the agent was started with`;

function wrongVersion(
  { engine, versionConstraint, askedBy = "workspace" }: EngineRequest,
  wrong: readonly { file: string; version: string }[],
): string {
  const found = wrong.map(({ file, version }) => `${version} (${file})`).join(", ");
  return askedBy === "plan"
    ? `the plan was made with ${engine} ${versionConstraint}, this agent has ${found}: install that version, or plan again`
    : `the workspace asks for ${engine} ${versionConstraint}, this agent has ${found}: install a version that fits, or change the workspace's version`;
}

const onPath = (engine: EngineName, path: string): Promise<readonly string[]> =>
  programs(
    path
      .split(delimiter)
      .filter(isAbsolute)
      .map((dir) => join(dir, engine)),
  );

async function programs(files: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(files.map((file) => realProgram(file)));
  return [...new Set(found.filter((file) => file !== undefined))];
}

async function realProgram(file: string): Promise<string | undefined> {
  try {
    const real = await realpath(file);
    await access(real, constants.X_OK);
    return (await stat(real)).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}

/** The version of a program; a failed answer is not remembered. */
export async function versionOf(file: string): Promise<VersionAnswer> {
  const { mtimeMs, size, ino } = await stat(file);
  const key = `${file}\0${mtimeMs}\0${size}\0${ino}`;
  const known = versions.get(key);
  if (known !== undefined) return known;
  const asked = askVersion(file);
  versions.set(key, asked);
  const answer = await asked;
  if (answer.kind === "failed") versions.delete(key);
  return answer;
}

function askVersion(file: string): Promise<VersionAnswer> {
  const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null" };
  const options = {
    env,
    cwd: "/",
    timeout: versionDeadlineMs,
    killSignal: "SIGKILL",
    encoding: "utf8",
    maxBuffer: 1024 * 1024,
  } as const;
  const { promise, resolve } = Promise.withResolvers<VersionAnswer>();
  execFile(file, ["version", "-json"], options, (error, stdout) => {
    const version = readVersion(stdout);
    if (version !== undefined) resolve({ kind: "version", version });
    else if (error === null) resolve({ kind: "failed", why: "does not say its version" });
    else resolve({ kind: "failed", why: `cannot be run (${error.message.split("\n")[0]})` });
  });
  return promise;
}

function readVersion(stdout: string): string | undefined {
  try {
    const answer = JSON.parse(stdout) as { terraform_version?: unknown };
    return typeof answer.terraform_version === "string" ? answer.terraform_version : undefined;
  } catch {
    return undefined;
  }
}
