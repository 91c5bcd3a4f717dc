import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { Header, Pax } from "tar";
import { given } from "../values/records.ts";
import { bytesOf } from "../values/streams.ts";
import { archiveRejected } from "./limits.ts";

/** What is put into an archive, in this order. Paths are clean and relative. */
export type ArchiveItem =
  | { readonly kind: "directory"; readonly path: string }
  | ArchivedFile
  | { readonly kind: "link"; readonly path: string; readonly target: string };

interface ArchivedFile {
  readonly kind: "file";
  readonly path: string;
  readonly bytes: number;
  /** Permissions. */
  readonly mode: number;
  /** Asked for when its turn comes, and only if there are any bytes. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly gzipLevel: number;
  /** Told the size of the archive as it grows; what it throws ends the writing. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Writes a gzipped tar to a new file, 0600. Without names, times and owners of this machine: the same items give the
 * same bytes.
 */
export async function writeArchive(
  file: string,
  items: Iterable<ArchiveItem>,
  { signal, gzipLevel, onBytes }: WriteOptions,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  const gzip = createGzip({ level: gzipLevel });
  const source = Readable.from(tarOf(items, signal), { objectMode: false });
  source.on("error", (error) => gzip.destroy(error));
  source.pipe(gzip);
  await using handle = await open(file, "wx", 0o600);
  try {
    for await (const chunk of bytesOf(gzip)) {
      bytes += chunk.length;
      onBytes?.(bytes);
      hash.update(chunk);
      await handle.appendFile(chunk);
    }
  } finally {
    source.destroy();
  }
  return { bytes, sha256: hash.digest("hex") };
}

async function* tarOf(items: Iterable<ArchiveItem>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (const item of items) {
    signal?.throwIfAborted();
    yield headerOf(item);
    if (item.kind === "file" && item.bytes > 0) yield* contentOf(item);
  }
  yield Buffer.alloc(1024);
}

async function* contentOf({ path, bytes, content }: ArchivedFile): AsyncGenerator<Uint8Array> {
  let rest = bytes;
  for await (const chunk of content()) {
    rest -= chunk.length;
    yield chunk;
  }
  if (rest !== 0)
    throw archiveRejected(path, `${rest > 0 ? "shrank" : "grew"} while it was read`, { advice: "Try again" });
  yield Buffer.alloc((512 - (bytes % 512)) % 512);
}

const tarTypes = { directory: "Directory", file: "File", link: "SymbolicLink" } as const;

function headerOf(item: ArchiveItem): Buffer {
  const fields = {
    path: item.kind === "directory" ? `${item.path}/` : item.path,
    mode: item.kind === "file" ? item.mode : item.kind === "directory" ? 0o755 : 0o644,
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
  const pax = new Pax({ path, size, mtime: fields.mtime, ...given({ linkpath: linkpath || undefined }) });
  return Buffer.concat([pax.encode(), plain]);
}
