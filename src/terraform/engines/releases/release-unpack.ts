import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { messageOf } from "../../../lib/values/errors.ts";
import { WindlassError } from "../../../lib/words/errors.ts";

export interface ReleaseUnpacking {
  readonly zip: string;
  /** The one file that is taken, by its name at the top of the archive. */
  readonly name: string;
  /** Where it is written to, readable and executable; must not be there. */
  readonly into: string;
  readonly maxBytes: number;
}

const maxEntries = 1000;
const fileTypeMask = 0o170000;
const regularFile = 0o100000;

/**
 * Takes a program out of a zip, leaves everything else in it, and answers the program's SHA-256. Throws
 * `archive_rejected`.
 */
export async function unpackProgram(
  { zip, name, into, maxBytes }: ReleaseUnpacking,
  signal: AbortSignal,
): Promise<string> {
  const archive = await openPromise(zip, { lazyEntries: true, autoClose: false, strictFileNames: true }).catch(
    asRejected,
  );
  try {
    const entry = await findEntry(archive, name);
    if (entry.uncompressedSize > maxBytes)
      throw rejected(`its ${name} is larger than ${maxBytes} bytes (${entry.uncompressedSize})`);
    return await extract(archive, { entry, into }, signal);
  } finally {
    archive.close();
  }
}

async function findEntry(archive: ZipFile, name: string): Promise<Entry> {
  if (archive.entryCount > maxEntries)
    throw rejected(`it has ${archive.entryCount} entries, at most ${maxEntries} are expected`);
  const found: Entry[] = [];
  try {
    for await (const entry of archive.eachEntry()) if (entry.fileName === name) found.push(entry);
  } catch (error) {
    asRejected(error);
  }
  const [entry] = found;
  if (entry === undefined) throw rejected(`it has no file ${name}`);
  if (found.length > 1) throw rejected(`it has ${found.length} files ${name}`);
  const type = (entry.externalFileAttributes >>> 16) & fileTypeMask;
  if (type !== 0 && type !== regularFile) throw rejected(`its ${name} is no regular file`);
  if (entry.isEncrypted()) throw rejected(`its ${name} is encrypted`);
  return entry;
}

/** The size that the entry announces is checked while it is read. */
async function extract(
  archive: ZipFile,
  { entry, into }: { readonly entry: Entry; readonly into: string },
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  await using file = await open(into, "wx", 0o755);
  const content = await archive.openReadStreamPromise(entry).catch(asRejected);
  try {
    for await (const bytes of content) {
      signal.throwIfAborted();
      hash.update(bytes);
      await file.writeFile(bytes);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && "syscall" in error) throw error;
    asRejected(error);
  }
  await file.chmod(0o555);
  await file.sync();
  return hash.digest("hex");
}

const rejected = (why: string, cause?: unknown): WindlassError =>
  new WindlassError("archive_rejected", `the archive cannot be used: ${why}`, cause === undefined ? {} : { cause });

function asRejected(error: unknown): never {
  if (error instanceof WindlassError) throw error;
  throw rejected(messageOf(error), error);
}
