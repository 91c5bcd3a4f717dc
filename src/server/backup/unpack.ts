import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { type ArchiveEvent, archiveEvents } from "../../lib/archive/entries.ts";
import { defaultArchiveLimits } from "../../lib/archive/unpack.ts";
import { makeDirectory } from "../../lib/fs/make-directory.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import {
  type BackupPart,
  type Manifest,
  manifestName,
  notABackup,
  type PartName,
  parseManifest,
  readPartName,
} from "./manifest.ts";

/** A backup is ours: only its form is checked, and its hashes. */
const limits = {
  ...defaultArchiveLimits,
  maxCompressedBytes: Number.MAX_SAFE_INTEGER,
  maxExpandedBytes: Number.MAX_SAFE_INTEGER,
  maxFileBytes: Number.MAX_SAFE_INTEGER,
  maxEntries: Number.MAX_SAFE_INTEGER,
  maxNamesBytes: Number.MAX_SAFE_INTEGER,
  maxRatio: Number.MAX_SAFE_INTEGER,
};

const maxManifestBytes = 256 * 1024 * 1024;

/** Reads what a backup says of itself: only the first file of the archive. */
export async function readManifest(path: string): Promise<Manifest> {
  for await (const { name, content } of filesOf(path)) {
    if (name !== manifestName) break;
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of content) {
      bytes += piece.length;
      if (bytes > maxManifestBytes) throw notABackup("its manifest is too large");
      pieces.push(piece);
    }
    return parseManifest(Buffer.concat(pieces).toString("utf8"));
  }
  throw notABackup("it does not begin with a manifest");
}

/**
 * Unpacks every part to where `placeOf` says, and throws unless each is there exactly as the manifest says. Answers its
 * places.
 */
export async function unpackBackup(path: string, placeOf: (name: PartName) => string): Promise<readonly string[]> {
  const { parts } = await readManifest(path);
  const places: string[] = [];
  const missing = new Map(parts.map((part) => [part.name, part]));
  for await (const { name, content } of filesOf(path)) {
    if (name === manifestName) {
      for await (const _piece of content);
      continue;
    }
    const part = missing.get(name);
    const what = readPartName(name);
    if (part === undefined || what === undefined) throw notABackup(`${name} does not belong into it`);
    missing.delete(name);
    const place = placeOf(what);
    places.push(place);
    await writePart({ path: place, isFirst: what.kind === "blob" || what.piece === 1 }, part, content);
  }
  const [lost] = missing.keys();
  if (lost !== undefined) throw notABackup(`${lost} is missing`);
  return places;
}

async function writePart(
  { path, isFirst }: { readonly path: string; readonly isFirst: boolean },
  part: BackupPart,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  await makeDirectory(dirname(path));
  const hash = createHash("sha256");
  let bytes = 0;
  await using file = await open(path, isFirst ? "wx" : "a", 0o600);
  for await (const piece of content) {
    bytes += piece.length;
    hash.update(piece);
    await writeAll(file, piece);
  }
  await file.datasync();
  demandSame(part, bytes, hash);
}

function demandSame({ name, bytes, sha256 }: BackupPart, written: number, hash: Hash): void {
  if (written !== bytes) throw notABackup(`${name} has ${written} bytes instead of ${bytes}`);
  const actual = hash.digest("hex");
  if (actual !== sha256) throw notABackup(`${name} has the SHA-256 ${actual} instead of ${sha256}`);
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length; ) done += (await file.write(piece, done)).bytesWritten;
}

interface ArchiveFile {
  readonly name: string;
  /** Must be read to its end before the next file. */
  readonly content: AsyncIterable<Uint8Array>;
}

async function* filesOf(path: string): AsyncGenerator<ArchiveFile> {
  const events = archiveEvents(createReadStream(path), limits, () => {});
  const take = () => events.next().catch(refuse);
  try {
    let event = await take();
    while (event.done !== true) {
      const head = event.value;
      if (head.kind !== "file") throw notABackup(`${"path" in head ? head.path : "something"} is no file`);
      let next: IteratorResult<ArchiveEvent> | undefined;
      const content = async function* () {
        for (next = await take(); next.done !== true && next.value.kind === "content"; next = await take())
          yield next.value.bytes;
      };
      yield { name: head.path, content: content() };
      event = next ?? (await take());
    }
  } finally {
    await events.return(undefined);
  }
}

function refuse(error: unknown): never {
  throw isWindlassError(error, "archive_rejected") ? notABackup(error.message, error) : error;
}
