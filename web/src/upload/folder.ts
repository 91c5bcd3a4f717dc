import { isStateFile, uploadRules } from "../../../src/lib/archive/ignore-rules.ts";

/** A file of a folder, by its path below it. */
export interface FolderFile {
  readonly path: string;
  readonly file: Blob;
}

/** A folder that was chosen, without what an upload leaves out. */
export interface Folder {
  readonly name: string;
  readonly files: readonly FolderFile[];
  /** How many files `.terraformignore` leaves out. */
  readonly ignored: number;
}

/** Reads what a browser gives for a folder: all its files, each with the folder's name before its path. */
export async function folderOf(given: readonly File[]): Promise<Folder> {
  const name = given[0]?.webkitRelativePath.split("/")[0] ?? "";
  const all = given.map((file) => ({ path: file.webkitRelativePath.slice(name.length + 1), file }));
  const rules = await all.find(({ path }) => path === ".terraformignore")?.file.text();
  const verdictOf = judgeOf(rules ?? "");
  const files = all.filter(({ path }) => verdictOf(path) === "kept").sort((a, b) => (a.path < b.path ? -1 : 1));
  return { name, files, ignored: all.filter(({ path }) => verdictOf(path) === "ignored").length };
}

/** What becomes of a file: the command line client decides the same, directory by directory. */
export function judgeOf(ignoreText: string): (path: string) => "kept" | "ignored" | "never" {
  const judge = uploadRules(ignoreText);
  return (path) => {
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth += 1) {
      const verdict = judge(`${names.slice(0, depth).join("/")}/`);
      if (verdict.kind === "left_out" && !verdict.mayHoldKept) return verdict.isOwn ? "ignored" : "never";
    }
    if (isStateFile(names.at(-1) ?? "")) return "never";
    const verdict = judge(path);
    if (verdict.kind === "kept") return "kept";
    return verdict.isOwn ? "ignored" : "never";
  };
}

const terraformFile = /\.(tf|tofu)(\.json)?$/;

/** Why no run could use the folder; undefined if one could. `workingDirectory` is where terraform runs in it. */
export function whyUnusable({ name, files }: Folder, workingDirectory: string): string | undefined {
  if (!files.some(({ path }) => terraformFile.test(path)))
    return `${name} holds no .tf files, nor do its folders: choose the directory of a configuration.`;
  const start = workingDirectory === "" ? "" : `${workingDirectory}/`;
  const inside = files.filter(({ path }) => path.startsWith(start)).map(({ path }) => path.slice(start.length));
  if (inside.length === 0)
    return `The workspace runs in ${workingDirectory}, and ${name} has no such directory: choose the one that has it.`;
  if (inside.some((path) => !path.includes("/") && terraformFile.test(path))) return undefined;
  return start === ""
    ? `The workspace has no working directory, and ${name} holds no .tf files itself: choose the folder that does, or set the directory in the settings.`
    : `The workspace runs in ${workingDirectory}, which holds no .tf files itself: choose another folder, or correct the settings.`;
}
