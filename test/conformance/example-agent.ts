import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { goEnvironment } from "../support/go-environment.ts";
import { startProgram } from "../support/programs.ts";

const root = resolve(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache/tests");
/** That of the clients: the second of two builds waits for the first, and finds compiled what both need. */
const target = join(cache, "cargo");

/** An agent of examples/agents. */
export interface ExampleAgent {
  readonly folder: string;
  /** Commands that must succeed, by what people are told to install. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
}

/** True when its tools are here. Without them its tests are skipped with a loud word on a laptop, and fail in CI. */
export function hasTools({ folder, tools }: ExampleAgent): boolean {
  const missing = Object.entries(tools)
    .filter(([, [command = "", ...args]]) => spawnSync(command, args, { stdio: "ignore" }).status !== 0)
    .map(([tool]) => tool);
  if (missing.length === 0) return true;
  if (process.env.CI) throw new Error(`not found, and CI must have it: ${missing.join(", ")}`);
  console.warn(`SKIPPED: the agent of examples/agents/${folder}, because these were not found: ${missing.join(", ")}`);
  return false;
}

/** A folder in which the recipe of an example was typed. */
export interface BuiltAgent extends AsyncDisposable {
  readonly directory: string;
}

/** Types the first commands of its README.md into an empty folder, as they stand. What is fetched and compiled is kept. */
export async function buildAgent({ folder }: ExampleAgent): Promise<BuiltAgent> {
  await using held = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), `windlass-agent-${folder}-`));
  held.defer(() => rm(directory, { recursive: true, force: true }));
  const readme = await readFile(join(root, "examples/agents", folder, "README.md"), "utf8");
  const commands = /^```sh\n(.*?)^```$/ms.exec(readme)?.[1];
  if (commands === undefined) throw new Error(`the README.md of ${folder} has no commands`);
  const program = startProgram({
    name: `the recipe of ${folder}`,
    ...{ command: "bash", args: ["-eu", "-o", "pipefail", "-c", commands], cwd: directory },
    env: { ...toolEnvironment(), WINDLASS: root },
  });
  const { code } = await program.ended;
  if (code !== 0)
    throw new Error(`the recipe of ${folder} ended with ${code}:\n${program.stdout()}${program.stderr()}`);
  const kept = held.move();
  return { directory, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The machine's own, as people have it: where registries are, and how they are reached. */
const toolEnvironment = (): Readonly<Record<string, string>> => ({
  ...(process.env as Readonly<Record<string, string>>),
  PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH ?? ""}`,
  XDG_CACHE_HOME: cache,
  CARGO_TARGET_DIR: target,
  ...goEnvironment,
});

/** Where cargo puts a program; copied, because the next build may replace it. */
export async function cargoProgram({ directory }: BuiltAgent, name: string): Promise<string> {
  const to = join(directory, name);
  await cp(join(target, "debug", name), to);
  return to;
}
