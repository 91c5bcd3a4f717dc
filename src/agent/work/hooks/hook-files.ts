import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { errnoOf, messageOf } from "../../../lib/values/errors.ts";
import { type HookStage, hookStages } from "../../../lib/words/hook-stages.ts";

/** One program that runs at a stage. */
export interface Hook {
  readonly stage: HookStage;
  /** Relative to the directory of hooks: `terraform-pre-plan`, `pre-plan.d/10-cost`. */
  readonly name: string;
  readonly path: string;
  /** True for HCP Terraform's four: one before a phase runs before its init. */
  readonly isOfHcp: boolean;
}

export interface FoundHooks {
  readonly hooks: readonly Hook[];
  /** Why there is something that may not run, one sentence each: nothing is passed over in silence. */
  readonly problems: readonly string[];
}

/** HCP Terraform's agents have hooks for these, one file each. */
const ofHcp: ReadonlySet<HookStage> = new Set(["pre-plan", "post-plan", "pre-apply", "post-apply"]);

/** All that lies in a directory of hooks, stage by stage. One that is not there has none. */
export async function findHooks(directory: string): Promise<FoundHooks> {
  const { names, problems: unread } = await namesIn(directory);
  if (names.length === 0) return { hooks: [], problems: unread };
  const problems = [...(await placeProblems(directory)), ...names.flatMap(unknownName)];
  const found = await Promise.all(hookStages.map((stage) => ofStage(directory, stage, names)));
  return {
    hooks: found.flatMap(({ hooks }) => hooks),
    problems: [...problems, ...found.flatMap((one) => one.problems)],
  };
}

const directoryOf = (stage: HookStage): string => `${stage}.d`;
const fileOf = (stage: HookStage): string => `terraform-${stage}`;
const known: ReadonlySet<string> = new Set([...hookStages.map(directoryOf), ...[...ofHcp].map(fileOf)]);

/** A misspelt hook would never run. */
const unknownName = (name: string): readonly string[] =>
  known.has(name) || !/^(terraform-|pre-|post-|on-|job-)/.test(name)
    ? []
    : [`${name} is the name of no hook: there are ${[...known].join(", ")}`];

async function ofStage(root: string, stage: HookStage, names: readonly string[]): Promise<FoundHooks> {
  const own = fileOf(stage);
  const single = ofHcp.has(stage) && names.includes(own) ? [own] : [];
  const several = await inDirectory(root, names.includes(directoryOf(stage)) ? directoryOf(stage) : undefined);
  const isAfter = stage.startsWith("post-") || stage === "job-exit";
  const ordered = isAfter ? [...several.names.toReversed(), ...single] : [...single, ...several.names];
  const hooks = ordered.map((name) => ({ stage, name, path: join(root, name), isOfHcp: name === own }));
  const refused = await Promise.all(hooks.map(fileProblem));
  return { hooks, problems: [...several.problems, ...refused.flatMap((why) => why ?? [])] };
}

/** In the order of their bytes, as run-parts has it. */
async function inDirectory(root: string, directory: string | undefined): Promise<Names> {
  if (directory === undefined) return { names: [], problems: [] };
  const path = join(root, directory);
  const { names, problems } = await namesIn(path);
  const place = ownerProblem(path, await stat(path));
  return {
    names: names.toSorted().map((name) => `${directory}/${name}`),
    problems: [...problems, ...(place === undefined ? [] : [place])],
  };
}

interface Names {
  readonly names: readonly string[];
  readonly problems: readonly string[];
}

/** What is hidden is no hook: `.gitkeep`. */
async function namesIn(path: string): Promise<Names> {
  try {
    return { names: (await readdir(path)).filter((name) => !name.startsWith(".")), problems: [] };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { names: [], problems: [] };
    return { names: [], problems: [`${path} cannot be read: ${messageOf(error)}`] };
  }
}

const goodName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const writableByOthers = 0o022;
const sticky = 0o1000;

async function fileProblem({ name, path }: Hook): Promise<string | undefined> {
  const last = name.split("/").at(-1) ?? "";
  if (!goodName.test(last))
    return `${JSON.stringify(last)} is no name of a hook: letters, digits, dots, dashes, underscores`;
  const file = await lstat(path);
  if (file.isSymbolicLink()) return `the hook ${path} is a symbolic link: put the file itself there`;
  if (!file.isFile()) return `the hook ${path} is no file`;
  if ((file.mode & 0o111) === 0) return `the hook ${path} is not executable: chmod 755 it, or take it away`;
  return ownerProblem(path, file);
}

interface Owned {
  readonly uid: number;
  readonly mode: number;
}

function ownerProblem(path: string, { uid, mode }: Owned): string | undefined {
  if (uid !== 0 && uid !== process.getuid?.()) return `the owner of ${path} is neither root nor the agent's user`;
  if ((mode & writableByOthers) !== 0) return `${path} can be written by others than its owner: chmod go-w it`;
  return undefined;
}

/** Who may write to a directory above a hook may put another hook there. */
async function placeProblems(directory: string): Promise<readonly string[]> {
  const problems: string[] = [];
  const start = await realpath(directory);
  for (let path = start; ; path = dirname(path)) {
    const found = await stat(path);
    const isShared = path !== start && (found.mode & sticky) !== 0;
    const problem = isShared ? undefined : ownerProblem(path, found);
    if (problem !== undefined) problems.push(problem);
    if (path === dirname(path)) return problems;
  }
}

/** What a hook is, for the record. */
export async function sha256OfHook({ path }: Hook): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
