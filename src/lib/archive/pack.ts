import { createReadStream, type Dirent } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, readlink, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { errnoOf } from "../values/errors.ts";
import { WindlassError } from "../words/errors.ts";
import { isStateFile, type Judge, uploadRules } from "./ignore-rules.ts";
import { archiveRejected, shownEntry } from "./limits.ts";
import { type ArchiveItem, writeArchive } from "./write.ts";

export interface PackedDirectory extends AsyncDisposable {
  /** Path of a temporary `.tar.gz`, 0600; removed when this is disposed. */
  readonly file: string;
  /** Files and links in the archive. */
  readonly files: number;
  /** Size of the archive. */
  readonly bytes: number;
  /** Bytes of the files before compression. */
  readonly contentBytes: number;
  /** Files that `.terraformignore` leaves out; counted up to `maxCounted`. */
  readonly ignored: number;
  /** Of the archive, lower-case hex: the same directory gives the same one. */
  readonly sha256: string;
}

export interface PackLimits {
  /** Greatest size of the archive; beyond it `upload_too_large` is thrown. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

interface Listing {
  readonly items: readonly ArchiveItem[];
  readonly ignored: number;
}

/** Files left out are not counted beyond this: there may be a whole home directory of them. */
export const maxCounted = 10_000;

/**
 * Packs a directory into a gzipped tar, leaving out what `.terraformignore` names, `.git`, `.windlass`, `.terraform`
 * (but its `modules`) and state files. Links are kept as links; one that leaves the directory is refused by name.
 */
export async function packDirectory(dir: string, { maxBytes, signal }: PackLimits): Promise<PackedDirectory> {
  const root = await existingDirectory(dir);
  const listing = await list(root, await readRules(root));
  const place = await mkdtemp(join(tmpdir(), "windlass-upload-"));
  const dispose = () => rm(place, { recursive: true, force: true });
  try {
    const file = join(place, "configuration.tar.gz");
    const written = await writeArchive(file, listing.items, { signal, gzipLevel: 6, onBytes: refuseBeyond(maxBytes) });
    const files = listing.items.filter((item) => item.kind !== "directory").length;
    const contentBytes = listing.items.reduce((sum, item) => sum + (item.kind === "file" ? item.bytes : 0), 0);
    return { file, files, contentBytes, ignored: listing.ignored, ...written, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function existingDirectory(dir: string): Promise<string> {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new WindlassError(
      "validation",
      `${dir} is not a directory: name the directory that holds the Terraform files`,
    );
  }
  return realpath(dir);
}

async function readRules(root: string): Promise<Judge> {
  const own = await readFile(join(root, ".terraformignore"), "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  });
  return uploadRules(own);
}

const byBytes = (a: Dirent, b: Dirent): number => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

async function list(root: string, judge: Judge): Promise<Listing> {
  const items: ArchiveItem[] = [];
  let ignored = 0;
  const leaveOut = async (path: string, entry: Dirent, isOwn: boolean): Promise<void> => {
    if (!isOwn || ignored >= maxCounted) return;
    ignored += entry.isDirectory() ? await countFiles(join(root, path), maxCounted - ignored) : 1;
  };
  /** False when nothing of the directory is kept, so that it is not made for nothing. */
  const visit = async (directory: string): Promise<boolean> => {
    const before = items.length;
    for (const entry of (await readdir(join(root, directory), { withFileTypes: true })).sort(byBytes)) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      const verdict = judge(entry.isDirectory() ? `${path}/` : path);
      if (isStateFile(entry.name)) continue;
      if (verdict.kind === "kept") {
        items.push(await itemOf(root, path, entry));
        if (entry.isDirectory()) await visit(path);
      } else if (entry.isDirectory() && verdict.mayHoldKept) {
        const at = items.length;
        if (await visit(path)) items.splice(at, 0, { kind: "directory", path });
      } else await leaveOut(path, entry, verdict.isOwn);
    }
    return items.length > before;
  };
  await visit("");
  return { items, ignored };
}

async function itemOf(root: string, path: string, entry: Dirent): Promise<ArchiveItem> {
  // What is no UTF-8 is read as another name, under which nothing lies.
  if (entry.name.includes("\ufffd") && (await lstat(join(root, path)).catch(() => undefined)) === undefined)
    throw archiveRejected(path, "has a name that is not UTF-8", {
      advice: "Rename it, or name it in .terraformignore",
    });
  if (entry.isDirectory()) return { kind: "directory", path };
  if (entry.isSymbolicLink()) return { kind: "link", path, target: await linkTarget(root, path) };
  if (!entry.isFile())
    throw archiveRejected(path, "is neither a file, a directory nor a link", { advice: "Name it in .terraformignore" });
  return fileItem(join(root, path), path, await stat(join(root, path)));
}

/**
 * How many files lie below a directory, `most` at the most. One that cannot be read counts as empty: it is left out in
 * any case.
 */
async function countFiles(directory: string, most: number): Promise<number> {
  let count = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }).catch((): Dirent[] => [])) {
    if (count >= most) return most;
    count += entry.isDirectory() ? await countFiles(join(directory, entry.name), most - count) : 1;
  }
  return count;
}

/** Only the permission to execute is packed: the others depend on the umask of the machine. */
function fileItem(file: string, path: string, { size: bytes, mode }: { size: number; mode: number }): ArchiveItem {
  const isExecutable = (mode & 0o111) !== 0;
  const content = () => createReadStream(file, { end: bytes - 1 });
  return { kind: "file", path, bytes, mode: isExecutable ? 0o755 : 0o644, content };
}

async function linkTarget(root: string, path: string): Promise<string> {
  const link = join(root, path);
  const target = await readlink(link);
  const lexical = resolve(dirname(link), target);
  const real = await realpath(link).catch(() => lexical);
  if (!isInside(root, lexical) || !isInside(root, real)) {
    throw archiveRejected(path, `is a link that leaves the directory (to ${shownEntry(target)})`, {
      advice:
        "Upload the directory above that holds both (--dir, with --working-directory on the workspace), copy the file, or name the link in .terraformignore",
    });
  }
  return isAbsolute(target) ? relative(dirname(link), lexical) || "." : target;
}

const isInside = (root: string, path: string): boolean => path === root || path.startsWith(root + sep);

const refuseBeyond = (maxBytes: number) => (bytes: number) => {
  if (bytes > maxBytes) throw tooLarge(maxBytes);
};

function tooLarge(maxBytes: number): WindlassError {
  return new WindlassError(
    "upload_too_large",
    `the packed directory is larger than ${maxBytes} bytes: name what the run does not need in .terraformignore`,
    { metadata: { maxBytes: String(maxBytes) } },
  );
}
