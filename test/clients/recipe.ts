import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Program, startProgram } from "../support/programs.ts";

const root = resolve(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache/tests");

/** A registry may be slow, and a compiler is. */
const recipeWithinMs = 25 * 60_000;

/** What pip, cargo, go and Maven say when they do not reach their registry. */
const unreachable =
  /resolve host|name resolution|establish a new connection|Connection refused|spurious network error|no such host|dial tcp|Unknown host/i;

type Variables = Readonly<Record<string, string>>;

/** A language of examples/clients. */
export interface Language {
  readonly folder: string;
  /** Commands that must succeed, by what the person is told to install. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
  /** Variables for every program of the recipe and the example, beside those of the machine. */
  readonly env?: Variables;
}

/**
 * True when the tools of a language are installed here. Without them its tests are skipped with a loud word on a laptop
 * and fail in CI.
 */
export function hasTools({ folder, tools }: Language): boolean {
  const missing = Object.entries(tools)
    .filter(([, [command = "", ...args]]) => spawnSync(command, args, { stdio: "ignore" }).status !== 0)
    .map(([tool]) => tool);
  if (missing.length === 0) return true;
  if (process.env.CI) throw new Error(`not found, and CI must have it: ${missing.join(", ")}`);
  sayWhy(folder, `these were not found: ${missing.join(", ")}`);
  return false;
}

const sayWhy = (folder: string, why: string): void =>
  console.warn(`SKIPPED: tests with examples/clients/${folder}, because ${why}`);

/** A folder that was empty before the recipe of an example was typed in it. */
export interface Place {
  readonly folder: string;
  /** Starts a program of the folder or the machine in the folder, with these variables beside those of the machine. */
  start(command: string, args: readonly string[], env: Variables): Program;
}

/**
 * Types the commands of an example's recipe before the tests of a file or a `describe`. Where the registry is out of reach
 * these are skipped like those whose tools are missing.
 */
export function usePlace(language: Language): Place {
  const held = new AsyncDisposableStack();
  let folder: string | undefined;
  let isReady = false;
  const place: Place = {
    get folder() {
      if (folder === undefined) throw new Error("the folder is there only while a test runs");
      return folder;
    },
    start: (command, args, env) => held.use(startIn(place.folder, [command, ...args], { ...language.env, ...env })),
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `windlass-${language.folder}-`));
    held.defer(() => rm(place.folder, { recursive: true, force: true }));
    isReady = await typeRecipe(language, place);
  }, recipeWithinMs);
  beforeEach(({ skip }) => skip(!isReady, "the registry is out of reach"));
  afterAll(() => held.disposeAsync());
  return place;
}

/** Answers false if the registry is out of reach, outside of CI. */
async function typeRecipe(language: Language, place: Place): Promise<boolean> {
  const typed = place.start("bash", ["-eu", "-o", "pipefail", "-c", await recipeOf(language)], { WINDLASS: root });
  const { code } = await typed.ended;
  if (code === 0) return true;
  // Maven says it on the standard output.
  const said = `${typed.stdout()}${typed.stderr()}`;
  if (process.env.CI || !unreachable.test(said))
    throw new Error(`the recipe of ${language.folder} ended with ${code}:\n${said}`);
  sayWhy(language.folder, `the registry is out of reach:\n${said}`);
  return false;
}

const startIn = (cwd: string, [command = "", ...args]: readonly string[], env: Variables): Program =>
  startProgram({
    name: [command, ...args].join(" "),
    command: command.includes("/") ? resolve(cwd, command) : command,
    args,
    cwd,
    env: { ...machine(), ...env },
  });

/**
 * The machine's own, as a person has it: where registries are and how they are reached. What is fetched and compiled is
 * kept.
 */
const machine = (): Variables => ({
  ...(process.env as Variables),
  XDG_CACHE_HOME: cache,
  CARGO_TARGET_DIR: join(cache, "cargo"),
});

/** The first block of commands of an example's README.md. */
export async function recipeOf({ folder }: Language): Promise<string> {
  const readme = join(root, "examples/clients", folder, "README.md");
  const commands = /^```sh\n(.*?)^```$/ms.exec(await readFile(readme, "utf8"))?.[1];
  if (commands === undefined) throw new Error(`${readme} has no commands`);
  return commands;
}
