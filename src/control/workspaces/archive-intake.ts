import { createHash } from "node:crypto";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { type ArchiveContents, checkArchive, defaultArchiveLimits } from "../../lib/archive/unpack.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** What the sender said of an archive before its bytes. */
export interface AnnouncedArchive {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** An archive on its way through the checks. */
export interface CheckedArchive {
  /** The bytes, unchanged. They fail as soon as a rule is broken, and at the latest before their end. Read them once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** What the archive holds; settled once all bytes were read. */
  readonly contents: Promise<ArchiveContents>;
}

/** Lets an archive pass while it is measured, hashed and looked through. Where nothing was announced its size is only bounded. */
export function checkedArchive(
  chunks: AsyncIterable<Uint8Array>,
  announced: AnnouncedArchive | undefined,
  maxBytes: number,
): CheckedArchive {
  const copy = new PassThrough({ highWaterMark: 1024 * 1024 });
  // The reader of the copy ends it early when it refuses the archive: its answer says why.
  copy.on("error", () => {});
  const contents = checkArchive(copy, { ...defaultArchiveLimits, maxCompressedBytes: maxBytes });
  contents.catch(() => copy.destroy());
  return { bytes: pass(chunks, announced, { copy, contents }), contents };
}

interface Reader {
  readonly copy: PassThrough;
  readonly contents: Promise<ArchiveContents>;
}

async function* pass(
  chunks: AsyncIterable<Uint8Array>,
  announced: AnnouncedArchive | undefined,
  { copy, contents }: Reader,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (announced !== undefined && bytes > announced.bytes) throw wrongSize(announced.bytes, "more");
      hash.update(chunk);
      await handOver(chunk, { copy, contents });
      yield chunk;
    }
    if (announced !== undefined) refuseOther(announced, { bytes, sha256: hash.digest("hex") });
    copy.end();
    await contents;
  } finally {
    copy.destroy();
  }
}

function refuseOther(announced: AnnouncedArchive, { bytes, sha256 }: AnnouncedArchive): void {
  if (bytes < announced.bytes) throw wrongSize(announced.bytes, `only ${bytes}`);
  if (sha256 !== announced.sha256) throw wrongHash(announced.sha256, sha256);
}

/** Waits until the reader has room, or fails with its refusal. */
async function handOver(chunk: Uint8Array, { copy, contents }: Reader): Promise<void> {
  if (copy.destroyed) await contents;
  const hasRoom = copy.write(chunk);
  if (hasRoom !== true) await Promise.race([once(copy, "drain"), contents]);
}

const wrongSize = (announced: number, got: string) =>
  new WindlassError(
    "checksum_mismatch",
    `the upload was announced with ${announced} bytes and has ${got}: send it again`,
  );

const wrongHash = (announced: string, got: string) =>
  new WindlassError(
    "checksum_mismatch",
    `the upload was announced with SHA-256 ${announced} and has ${got}: it was changed on its way, send it again`,
  );
