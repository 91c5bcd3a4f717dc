import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Header, Pax } from "tar";
import { bytesOf } from "../../lib/values/streams.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { maxPartBytes } from "./manifest.ts";

/** A file of the archive: where its bytes are, and what they have to be. */
export interface PartSource {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  read(): AsyncIterable<Uint8Array>;
}

/** The parts that a file on the disk is, hashed as it is now. */
export async function fileParts(name: string, path: string): Promise<readonly PartSource[]> {
  const { size } = await stat(path);
  const parts: PartSource[] = [];
  for (let start = 0; start === 0 || start < size; start += maxPartBytes) {
    const range = { start, end: Math.min(start + maxPartBytes, size) - 1 };
    const piece = parts.length === 0 ? name : `${name}.${parts.length + 1}`;
    parts.push(await rangePart(piece, path, range));
  }
  return parts;
}

async function rangePart(
  name: string,
  path: string,
  range: { readonly start: number; readonly end: number },
): Promise<PartSource> {
  const hash = createHash("sha256");
  for await (const bytes of bytesOf(createReadStream(path, range))) hash.update(bytes);
  const read = () => createReadStream(path, range);
  return { name, bytes: range.end + 1 - range.start, sha256: hash.digest("hex"), read };
}

/** A part whose bytes are at hand. */
export const textPart = (name: string, text: string): PartSource => {
  const content = Buffer.from(text);
  const read = async function* () {
    yield content;
  };
  return { name, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex"), read };
};

/** Writes the parts as a gzipped tar. Throws if one of them is not what it said. */
export async function writeArchive(parts: readonly PartSource[], to: Writable): Promise<void> {
  await pipeline(Readable.from(tarOf(parts), { objectMode: false }), createGzip(), to);
}

async function* tarOf(parts: readonly PartSource[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    yield headerOf(part);
    yield* contentOf(part);
    yield Buffer.alloc((512 - (part.bytes % 512)) % 512);
  }
  yield Buffer.alloc(1024);
}

async function* contentOf({ name, bytes, sha256, read }: PartSource): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let rest = bytes;
  for await (const piece of read()) {
    hash.update(piece);
    rest -= piece.length;
    if (rest < 0) break;
    yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  }
  if (rest === 0 && hash.digest("hex") === sha256) return;
  throw new WindlassError(
    "storage_unavailable",
    `${name} is not what it was stored as: check the disk of the data directory`,
  );
}

function headerOf({ name, bytes }: PartSource): Buffer {
  const fields = { path: name, mode: 0o600, uid: 0, gid: 0, size: bytes, mtime: new Date(0), type: "File" as const };
  const header = new Header(fields);
  header.encode();
  const plain = header.block ?? Buffer.alloc(0);
  return header.needPax ? Buffer.concat([new Pax({ path: name, size: bytes }).encode(), plain]) : plain;
}
