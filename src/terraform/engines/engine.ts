import { constants } from "node:fs";
import { basename, delimiter, isAbsolute, join } from "node:path";
import * as z from "zod";
import { access, realpath, stat } from "../../lib/fs/at-once.ts";
import { type ProgramEnd, runProgram } from "../../lib/program/run-program.ts";
import { parseVersionConstraint } from "../../lib/words/version-constraint.ts";

export type EngineName = "terraform" | "tofu";

const versionDeadlineMs = 20_000;
const versions = new Map<string, Promise<VersionAnswer>>();

type VersionAnswer =
  /** `engine` is undefined if it does not say which one it is. */
  | { readonly kind: "version"; readonly version: string; readonly engine: EngineName | undefined }
  | { readonly kind: "failed"; readonly why: string };

export const engineNames: readonly EngineName[] = ["terraform", "tofu"];

export interface EngineRequest {
  readonly engine: EngineName;
  /** In terraform's syntax; "" takes any version. */
  readonly versionConstraint: string;
  /**
   * Programs chosen by the agent's operator, one of each engine at most. `path` is searched for an engine that none of
   * them is.
   */
  readonly enginePaths?: readonly string[] | undefined;
  /** A search path as in PATH. */
  readonly path: string;
  /** Ends programs that are asked what they are. */
  readonly signal?: AbortSignal | undefined;
  /** Who asks for the version; the workspace if absent. */
  readonly askedBy?: "workspace" | "plan" | undefined;
}

/** Messages are for the run: they name what was looked for, where, and what to do. */
export type EngineFound =
  | { readonly kind: "found"; readonly file: string; readonly version: string }
  | { readonly kind: "missing"; readonly message: string }
  | { readonly kind: "wrong-version"; readonly message: string; readonly found: string };

/** A program that says which engine it is, in which version. */
export interface EngineExecutable {
  readonly file: string;
  readonly engine: EngineName;
  readonly version: string;
}

/** Where programs are looked for. */
export type EnginePlaces = Pick<EngineRequest, "enginePaths" | "path" | "signal">;

/** What an engine's places hold. */
export interface LocalPrograms {
  /** In the order in which they are tried. */
  readonly programs: readonly EngineExecutable[];
  /** True if the operator has chosen the engine's program: nothing else is used then, and nothing downloaded. */
  readonly isChosen: boolean;
  /** Why something there cannot be used, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Finds the program for a run: the operator's choice, or the first on the search path whose version fits. A program is
 * asked once what it is, whatever it is called, and again when its file changes.
 */
export async function findEngine(request: EngineRequest): Promise<EngineFound> {
  const { engine, versionConstraint } = request;
  const constraint = parseVersionConstraint(versionConstraint);
  if (constraint === undefined)
    return missing(
      `${JSON.stringify(versionConstraint)} is not a version constraint: expected for example "1.11.4", "~> 1.11" or ">= 1.5, < 2.0"`,
    );
  const { programs, problems } = await localPrograms(engine, request);
  const fit = programs.find(({ version }) => constraint.allows(version));
  if (fit !== undefined) return { kind: "found", file: fit.file, version: fit.version };
  const [first] = programs;
  if (first !== undefined)
    return { kind: "wrong-version", found: first.version, message: wrongVersion(request, programs) };
  return missing(problems.length === 0 ? await notFound(request) : notUsable(request, problems));
}

/** The programs of an engine on this machine. */
export async function localPrograms(engine: EngineName, places: EnginePlaces): Promise<LocalPrograms> {
  const chosen = await chosenPrograms(engine, places);
  return chosen.isChosen ? chosen : { ...(await programsOnPath(engine, places)), isChosen: false };
}

async function chosenPrograms(engine: EngineName, { enginePaths = [], signal }: EnginePlaces): Promise<LocalPrograms> {
  const asked = await Promise.all(enginePaths.map(async (path) => ({ path, answer: await identityOf(path, signal) })));
  const programs = asked.flatMap(({ answer }) => programOf(engine, answer));
  // What cannot say what it is was chosen for the engine that it is called after.
  const broken = asked.flatMap(({ path, answer }) => {
    const otherName = engineNames.some((name) => name !== engine && basename(path).includes(name));
    return answer.kind === "failed" && !otherName ? [answer.why] : [];
  });
  const problems = broken.map((why) => `${why}. Correct the path that the agent was started with`);
  return { programs, problems, isChosen: programs.length + problems.length > 0 };
}

/** Those of its name; where none of them is it, what has another name and is it all the same. */
async function programsOnPath(
  engine: EngineName,
  places: EnginePlaces,
): Promise<Pick<LocalPrograms, "programs" | "problems">> {
  const answers = await calledOnPath(engine, places);
  const programs = answers.flatMap((answer) => programOf(engine, answer));
  const problems = answers.flatMap((answer) => problemOf(engine, answer));
  if (programs.length > 0) return { programs, problems };
  const others = engineNames.filter((name) => name !== engine).map((name) => calledOnPath(name, places));
  return { programs: (await Promise.all(others)).flat().flatMap((answer) => programOf(engine, answer)), problems };
}

const calledOnPath = async (name: string, { path, signal }: EnginePlaces): Promise<readonly Identity[]> =>
  Promise.all((await onPath(name, path)).map((file) => identityOf(file, signal)));

const programOf = (engine: EngineName, answer: Identity): readonly EngineExecutable[] =>
  answer.kind === "known" && answer.engine === engine ? [answer] : [];

function problemOf(engine: EngineName, answer: Identity): readonly string[] {
  if (answer.kind === "failed") return [answer.why];
  return answer.engine === engine ? [] : [`${answer.file} is ${answer.engine} ${answer.version}`];
}

type Identity = ({ readonly kind: "known" } & EngineExecutable) | { readonly kind: "failed"; readonly why: string };

/** What a program says of itself; what does not say which engine it is, is what it is called. */
async function identityOf(path: string, signal: AbortSignal | undefined): Promise<Identity> {
  const file = await realProgram(path);
  if (file === undefined) return { kind: "failed", why: `${path} is not a program that can be run` };
  const answer = await versionOf(file, signal);
  if (answer.kind === "failed") return { kind: "failed", why: `${file} ${answer.why}` };
  const called = basename(path).includes("tofu") ? "tofu" : "terraform";
  return { kind: "known", file, version: answer.version, engine: answer.engine ?? called };
}

const missing = (message: string): EngineFound => ({ kind: "missing", message });

async function notFound(request: EngineRequest): Promise<string> {
  const { engine, path } = request;
  const places = path.split(delimiter).join(", ") || "an empty PATH";
  return `${engine} was not found on this agent: looked in ${places}. Install ${engine} there, or start the agent with the path of the program${await otherEngine(request)}`;
}

const notUsable = ({ engine }: EngineRequest, problems: readonly string[]): string =>
  `${engine} does not work on this agent: ${problems.join("; ")}. Install ${engine}, or choose another one with --engine-path`;

/** A hint for who has the other one. */
async function otherEngine({ engine, ...places }: EngineRequest): Promise<string> {
  for (const other of engineNames.filter((name) => name !== engine)) {
    const [program] = (await localPrograms(other, places)).programs;
    if (program !== undefined)
      return `. It has ${other} ${program.version}: \`windlass workspace edit NAME --engine ${other}\` uses that`;
  }
  return "";
}

function wrongVersion(
  { engine, versionConstraint, askedBy = "workspace" }: EngineRequest,
  wrong: readonly EngineExecutable[],
): string {
  const found = wrong.map(({ file, version }) => `${version} (${file})`).join(", ");
  return askedBy === "plan"
    ? `the plan was made with ${engine} ${versionConstraint}, this agent has ${found}: install that version, or plan again`
    : `the workspace asks for ${engine} ${versionConstraint}, this agent has ${found}: install a version that fits, or change the workspace's version`;
}

const onPath = (name: string, path: string): Promise<readonly string[]> =>
  programs(
    path
      .split(delimiter)
      .filter(isAbsolute)
      .map((dir) => join(dir, name)),
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

/** The version of a program; a failed answer is not remembered. The signal ends the program, for all who asked. */
export async function versionOf(file: string, signal?: AbortSignal): Promise<VersionAnswer> {
  const { mtimeMs, size, ino } = await stat(file);
  const key = `${file}\0${mtimeMs}\0${size}\0${ino}`;
  const known = versions.get(key);
  if (known !== undefined) return known;
  const asked = askVersion(file, signal);
  versions.set(key, asked);
  const answer = await asked;
  if (answer.kind === "failed") versions.delete(key);
  return answer;
}

/** Only terraform says whether it is outdated, and both say their platform: who says neither is asked in words. */
async function askVersion(file: string, signal: AbortSignal | undefined): Promise<VersionAnswer> {
  const { stdout, failure } = await answerOf(file, ["version", "-json"], signal);
  const said = readVersion(stdout);
  if (said === undefined)
    return {
      kind: "failed",
      why: failure === undefined ? "does not say its version" : `cannot be run (${failure})`,
    };
  const { terraform_version: version, terraform_outdated: isOutdated, platform } = said;
  if (isOutdated !== undefined) return { kind: "version", version, engine: "terraform" };
  const words = platform === undefined ? "" : (await answerOf(file, ["version"], signal)).stdout;
  return { kind: "version", version, engine: engineInWords(words) };
}

function engineInWords(text: string): EngineName | undefined {
  if (/^OpenTofu v/m.test(text)) return "tofu";
  return /^Terraform v/m.test(text) ? "terraform" : undefined;
}

function answerOf(file: string, argv: readonly string[], signal: AbortSignal | undefined): Promise<ProgramEnd> {
  const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null" };
  return runProgram(file, argv, { env, cwd: "/", timeoutMs: versionDeadlineMs, signal });
}

const versionShape = z.object({
  terraform_version: z.string(),
  terraform_outdated: z.boolean().optional(),
  platform: z.string().optional(),
});

function readVersion(stdout: string): z.infer<typeof versionShape> | undefined {
  try {
    return versionShape.safeParse(JSON.parse(stdout)).data;
  } catch {
    return undefined;
  }
}
