import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, readdir, readFile, readlink, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import ignore, { type Ignore } from "ignore";
import { Header, Pax } from "tar";
import { archiveRejected } from "./archive-limits.ts";
import { WindlassError } from "./errors.ts";

export interface PackedDirectory extends AsyncDisposable {
  /** Path of a temporary `.tar.gz`, 0600; removed when this is disposed. */
  readonly file: string;
  /** Files and links in the archive. */
  readonly files: number;
  /** Size of the archive. */
  readonly bytes: number;
  /** Bytes of the files before compression. */
  readonly contentBytes: number;
  /** Files and whole directories left out. */
  readonly ignored: number;
  /** Of the archive, lower-case hex: the same directory gives the same one. */
  readonly sha256: string;
}

export interface PackLimits {
  /** Greatest size of the archive; beyond it `upload_too_large` is thrown. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

type Item =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly bytes: number; readonly isExecutable: boolean }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

interface Listing {
  readonly items: readonly Item[];
  readonly ignored: number;
}

// As HCP Terraform's own uploader: https://developer.hashicorp.com/terraform/cloud-docs/run/remote-operations
const defaultRules = ["**/.git/", "**/.windlass/", "**/.terraform/*", "!**/.terraform/modules/"];
const stateFile = /^(terraform\.tfstate.*|errored\.tfstate|\.terraform\.tfstate\.lock\.info)$/;

/**
 * Packs a directory into a gzipped tar, leaving out what `.terraformignore` names, `.git`, `.windlass`, `.terraform` (but its
 * `modules`) and state files. Links are kept as links; one that leaves the directory is refused by name.
 */
export async function packDirectory(dir: string, { maxBytes, signal }: PackLimits): Promise<PackedDirectory> {
  const root = await existingDirectory(dir);
  const listing = await list(root, await readRules(root));
  const place = await mkdtemp(join(tmpdir(), "windlass-upload-"));
  const dispose = () => rm(place, { recursive: true, force: true });
  try {
    const file = join(place, "configuration.tar.gz");
    const written = await write(file, tarOf(root, listing.items, signal), maxBytes);
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

async function readRules(root: string): Promise<Ignore> {
  const rules = ignore().add(defaultRules);
  const own = await readFile(join(root, ".terraformignore"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return rules.add(own);
}

async function list(root: string, rules: Ignore): Promise<Listing> {
  const items: Item[] = [];
  let ignored = 0;
  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(join(root, directory), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (stateFile.test(entry.name) || rules.ignores(entry.isDirectory() ? `${path}/` : path)) {
        ignored += 1;
      } else if (entry.isDirectory()) {
        items.push({ kind: "directory", path });
        await visit(path);
      } else if (entry.isSymbolicLink()) {
        items.push({ kind: "link", path, target: await linkTarget(root, path) });
      } else if (entry.isFile()) {
        const found = await stat(join(root, path));
        items.push({ kind: "file", path, bytes: found.size, isExecutable: (found.mode & 0o111) !== 0 });
      } else {
        throw archiveRejected(path, "is neither a file, a directory nor a link: name it in .terraformignore");
      }
    }
  };
  await visit("");
  return { items, ignored };
}

async function linkTarget(root: string, path: string): Promise<string> {
  const link = join(root, path);
  const target = await readlink(link);
  const lexical = resolve(dirname(link), target);
  const real = await realpath(link).catch(() => lexical);
  if (!isInside(root, lexical) || !isInside(root, real)) {
    throw archiveRejected(
      path,
      `is a link that leaves the directory (to ${target}): copy the file or name the link in .terraformignore`,
    );
  }
  return isAbsolute(target) ? relative(dirname(link), lexical) || "." : target;
}

const isInside = (root: string, path: string): boolean => path === root || path.startsWith(root + sep);

async function* tarOf(root: string, items: readonly Item[], signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for (const item of items) {
    signal?.throwIfAborted();
    yield headerOf(item);
    if (item.kind === "file" && item.bytes > 0) yield* contentOf(join(root, item.path), item);
  }
  yield Buffer.alloc(1024);
}

async function* contentOf(file: string, item: Item & { kind: "file" }): AsyncGenerator<Buffer> {
  let rest = item.bytes;
  for await (const chunk of createReadStream(file, { end: item.bytes - 1 })) {
    rest -= (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  if (rest > 0) throw archiveRejected(item.path, "shrank while it was read: try again");
  yield Buffer.alloc((512 - (item.bytes % 512)) % 512);
}

const tarTypes = { directory: "Directory", file: "File", link: "SymbolicLink" } as const;

function headerOf(item: Item): Buffer {
  const isExecutable = item.kind === "directory" || (item.kind === "file" && item.isExecutable);
  const fields = {
    path: item.kind === "directory" ? `${item.path}/` : item.path,
    mode: isExecutable ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size: item.kind === "file" ? item.bytes : 0,
    mtime: new Date(0),
    type: tarTypes[item.kind],
    linkpath: item.kind === "link" ? item.target : "",
  };
  const header = new Header(fields);
  header.encode();
  const plain = header.block ?? Buffer.alloc(0);
  if (!header.needPax) return plain;
  const { path, linkpath, size } = fields;
  const pax = new Pax({ path, size, mtime: fields.mtime, ...(linkpath === "" ? {} : { linkpath }) });
  return Buffer.concat([pax.encode(), plain]);
}

async function write(file: string, content: AsyncIterable<Buffer>, maxBytes: number) {
  const hash = createHash("sha256");
  let bytes = 0;
  const gzip = createGzip({ level: 6 });
  const source = Readable.from(content, { objectMode: false });
  source.on("error", (error) => gzip.destroy(error));
  source.pipe(gzip);
  await using handle = await open(file, "wx", 0o600);
  try {
    for await (const chunk of gzip) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk as Buffer);
      await handle.write(chunk as Buffer);
    }
  } finally {
    source.destroy();
  }
  return { bytes, sha256: hash.digest("hex") };
}

function tooLarge(maxBytes: number): WindlassError {
  return new WindlassError(
    "upload_too_large",
    `the packed directory is larger than ${maxBytes} bytes: name what the run does not need in .terraformignore`,
    { metadata: { maxBytes: String(maxBytes) } },
  );
}
