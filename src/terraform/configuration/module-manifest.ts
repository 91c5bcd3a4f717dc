import { constants } from "node:fs";
import { open, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { isJsonList, isJsonObject, type Json, readJson } from "../../lib/json/json.ts";

const directory = ".terraform/modules";
const maxBytes = 16 * 1024 * 1024;

/**
 * Takes from an uploaded `.terraform/modules/modules.json` what init must not believe: init would load a module from
 * where its record says, without a look at the source. What remains are modules from elsewhere, in directories below
 * `.terraform/modules`; a module whose source is a path in the upload is found by that path. A list that cannot be read
 * is removed: init then installs everything.
 */
export async function checkModuleManifest(workingDirectory: string): Promise<void> {
  const file = join(workingDirectory, directory, "modules.json");
  const text = await textOf(file);
  const kept = text === undefined ? undefined : believed(text);
  await rm(file, { recursive: true, force: true });
  if (kept !== undefined) await writeFile(file, JSON.stringify({ Modules: kept }), { flag: "wx", mode: 0o644 });
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const found = await handle.stat();
    return found.isFile() && found.size <= maxBytes ? await handle.readFile("utf8") : undefined;
  } catch {
    return undefined;
  }
}

const fields = ["Key", "Source", "Version", "Dir"] as const;
type ModuleRecord = Readonly<Partial<Record<(typeof fields)[number], string>>>;

function believed(text: string): readonly ModuleRecord[] | undefined {
  try {
    const top = readJson(text, { refusesTwins: true });
    const modules = isJsonObject(top) ? top.get("Modules") : undefined;
    return isJsonList(modules) ? modules.map(recordOf).filter(isBelieved) : undefined;
  } catch {
    return undefined;
  }
}

/** Only what terraform writes: it reads keys of any case. */
function recordOf(value: Json): ModuleRecord {
  const record: Record<string, string> = {};
  for (const [name, content] of isJsonObject(value) ? value : []) {
    const field = fields.find((known) => known.toLowerCase() === name.toLowerCase());
    if (field !== undefined && typeof content === "string") record[field] = content;
  }
  return record;
}

/** As terraform tells them apart: a path begins with one or two dots. */
const isPath = (source: string): boolean => /^\.{1,2}([\\/]|$)/.test(source);

function isBelieved({ Key: key = "", Source: source = "", Dir: dir = "" }: ModuleRecord): boolean {
  if (key === "" || source === "" || isPath(source) || dir.includes("\\")) return false;
  return posix.normalize(dir).startsWith(`${directory}/`);
}
