import { readdir, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { type Hint, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { moduleOutside } from "./local-modules.ts";

const terraformFile = /\.(tf|tofu)(\.json)?$/;

export const isDirectory = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

/** Refuses early what no run could use. The files may stand in folders: the workspace's working directory decides. */
export async function refuseWithoutTerraform(path: string): Promise<void> {
  if (!(await isDirectory(path)) || (await holdsConfiguration(path))) return;
  throw usageError(`${path} holds no .tf files, nor do its folders: name the directory of a configuration`);
}

/** True where there is configuration, in folders too. */
export const holdsConfiguration = (path: string): Promise<boolean> => holdsTerraform(path, "deep");

async function holdsTerraform(path: string, how: "deep" | "itself"): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.some((entry) => !entry.isDirectory() && terraformFile.test(entry.name))) return true;
  if (how === "itself") return false;
  for (const entry of entries) {
    const isOther = !entry.isDirectory() || entry.name === ".terraform" || entry.name === ".git";
    if (!isOther && (await holdsTerraform(join(path, entry.name), "deep"))) return true;
  }
  return false;
}

interface Target {
  readonly name: string;
  /** Where terraform runs in what is uploaded; empty is its top. */
  readonly workingDirectory: string;
  /** True where configuration is not needed. */
  readonly isForDestroy: boolean;
}

/** Refuses a directory in which terraform would not find what the workspace runs, before it is packed and sent. */
export async function refuseMisfit(context: Context, path: string, workspace: Target): Promise<void> {
  const { name, workingDirectory, isForDestroy } = workspace;
  const start = join(path, workingDirectory);
  if (!(await isDirectory(start))) throw await misplaced(context, path, workspace);
  if (!isForDestroy && !(await holdsTerraform(start, "itself"))) {
    const where = workingDirectory === "" ? "has no working directory" : `runs in ${workingDirectory}`;
    throw usageError(`workspace ${name} ${where}, and ${start} holds no .tf files itself`, [
      editDirectory(context, name, "DIR"),
    ]);
  }
  const outside = await moduleOutside(path, start);
  if (outside === undefined) return;
  const { place, name: module, source, path: wanted } = outside;
  const top = above(path, wanted);
  const inside = relative(top, start);
  throw usageError(
    `${place}: module "${module}" has the source ${source}, outside of ${path}, which alone is uploaded: set the working directory to ${inside}, then upload what holds both: ${shownFrom(context, top)}`,
    [editDirectory(context, name, inside)],
  );
}

const editDirectory = (context: Context, name: string, directory: string): Hint => ({
  label: "Set it",
  command: context.command(`workspace edit ${name} --working-directory ${directory}`),
});

/** The directory above may be what was meant: the person stands where terraform would run. */
async function misplaced(context: Context, path: string, { name, workingDirectory }: Target) {
  const said = `workspace ${name} runs in ${workingDirectory}, and ${path} has no such directory`;
  for (let top = dirname(path); top !== dirname(top); top = dirname(top)) {
    if (await isDirectory(join(top, workingDirectory)))
      return usageError(`${said}: upload the one that has it`, [
        { label: "Upload it", command: context.command(`run start ${name} --dir ${shownFrom(context, top)}`) },
      ]);
  }
  return usageError(`${said}: upload the one that has it, or correct the workspace`, [
    editDirectory(context, name, "DIR"),
  ]);
}

/** The directory that holds both. */
function above(a: string, b: string): string {
  for (let top = a; ; top = dirname(top)) if (b === top || b.startsWith(top === sep ? sep : top + sep)) return top;
}

const shownFrom = ({ io }: Context, directory: string): string => relative(io.workingDirectory, directory) || ".";
