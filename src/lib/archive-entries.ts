import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Header, Parser, type ReadEntry } from "tar";
import { type ArchiveLimits, archiveRejected } from "./archive-limits.ts";
import { cleanEntryName } from "./archive-names.ts";
import { isWindlassError } from "./errors.ts";

/** A gzipped tar: the path of a file, or its bytes. */
export type ArchiveSource = string | AsyncIterable<Uint8Array>;

/** What comes out of an archive, in order; `content` belongs to the `file` before it. Paths are clean and relative. */
export type ArchiveEvent =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly bytes: number; readonly isExecutable: boolean }
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const block = 512;
const metaTypes = new Set([
  "ExtendedHeader",
  "OldExtendedHeader",
  "GlobalExtendedHeader",
  "NextFileHasLongPath",
  "NextFileHasLongLinkpath",
  "OldGnuLongPath",
]);
const fileTypes = new Set(["File", "OldFile", "ContiguousFile"]);
const maxMetaBytes = 64 * 1024;

/** Counts the compressed and expanded bytes of one archive and stops it at its limits. */
class Meter {
  readonly #limits: ArchiveLimits;
  compressed = 0;
  expanded = 0;
  entries = 0;

  constructor(limits: ArchiveLimits) {
    this.#limits = limits;
  }

  addCompressed(bytes: number): void {
    this.compressed += bytes;
    const { maxCompressedBytes } = this.#limits;
    if (this.compressed > maxCompressedBytes) throw archiveRejected("", `is larger than ${maxCompressedBytes} bytes`);
  }

  addExpanded(bytes: number): void {
    this.expanded += bytes;
    const { maxExpandedBytes, maxRatio, ratioFromBytes } = this.#limits;
    if (this.expanded > maxExpandedBytes) throw archiveRejected("", `expands to more than ${maxExpandedBytes} bytes`);
    if (this.expanded > ratioFromBytes && this.expanded > maxRatio * this.compressed) {
      throw archiveRejected("", `expands to more than ${maxRatio} times its size`);
    }
  }

  addEntry(): void {
    this.entries += 1;
    const { maxEntries } = this.#limits;
    if (this.entries > maxEntries) throw archiveRejected("", `has more than ${maxEntries} entries`);
  }
}

/**
 * Reads an archive as a stream of checked events; throws `archive_rejected` at the first thing that is not plain. Meter
 * and order only: names are not compared with each other (see `ArchiveNames`). `onEnd` gets the compressed size.
 */
export async function* archiveEvents(
  source: ArchiveSource,
  limits: ArchiveLimits,
  onEnd: (compressedBytes: number) => void,
): AsyncGenerator<ArchiveEvent> {
  const meter = new Meter(limits);
  const framer = new Framer(limits, meter);
  try {
    for await (const chunk of gunzip(source, meter)) {
      meter.addExpanded(chunk.length);
      for (const piece of framer.cut(chunk)) yield* framer.feed(piece);
    }
    framer.finish();
  } catch (error) {
    throw asRejection(error);
  }
  onEnd(meter.compressed);
}

async function* gunzip(source: ArchiveSource, meter: Meter): AsyncGenerator<Buffer> {
  const counted = async function* () {
    for await (const chunk of typeof source === "string" ? createReadStream(source) : source) {
      meter.addCompressed(chunk.length);
      yield chunk;
    }
  };
  const input = Readable.from(counted(), { objectMode: false });
  const output = createGunzip({ chunkSize: 128 * 1024 });
  input.on("error", (error) => output.destroy(error));
  input.pipe(output);
  try {
    for await (const chunk of output) yield chunk as Buffer;
  } finally {
    input.destroy();
    output.destroy();
  }
}

function asRejection(error: unknown): unknown {
  if (isWindlassError(error) || !(error instanceof Error)) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code.startsWith("Z_")) return archiveRejected("", "is not a gzip file, or its end is missing", error);
  if (code.startsWith("TAR_")) return archiveRejected("", `is not a tar file (${error.message})`, error);
  return error;
}

/** The name fields that a PAX record may override without the parser telling: refused when they hold tricks. */
function checkMeta(text: string): void {
  if (/(^|\n)\d+ GNU\.sparse\./.test(text)) throw archiveRejected("", "holds a sparse file");
  if (/(^|\n)\d+ size=\s*-/.test(text)) throw archiveRejected("", "holds a negative size");
  const name = text.endsWith("\0") ? text.slice(0, -1) : text;
  if (name.includes("\0")) throw archiveRejected(name.slice(0, 200), "has a NUL in an extended header");
  if (name.includes("\ufffd"))
    throw archiveRejected(name.slice(0, 200), "has an extended header that is not valid UTF-8");
}

/** Sizes are octal digits: a larger or a negative one is written in another way, which programs read differently. */
function readHeader(piece: Buffer): Header {
  const header = decodeHeader(piece);
  if (header.cksumValid && !/^ *[0-7]*[ \0]*$/.test(piece.toString("latin1", 124, 136))) {
    throw archiveRejected(header.path ?? "", "has a size that is not written in octal digits");
  }
  return header;
}

function decodeHeader(piece: Buffer): Header {
  try {
    return new Header(piece, 0);
  } catch (error) {
    throw archiveRejected("", `is not a tar file (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

/**
 * Cuts the expanded bytes at tar's own borders and feeds them to the parser: a header, a whole extended header, or a part of
 * a body at a time. So the parser never sees half a name (it decodes by chunk), and its events arrive synchronously.
 */
class Framer {
  readonly #limits: ArchiveLimits;
  readonly #meter: Meter;
  readonly #parser: Parser;
  #pending: Buffer = Buffer.alloc(0);
  #events: ArchiveEvent[] = [];
  #rejection: unknown;
  #bodyBytes = 0;
  #metaBytes = 0;
  #nullBlocks = 0;
  #isFirst = true;

  constructor(limits: ArchiveLimits, meter: Meter) {
    this.#limits = limits;
    this.#meter = meter;
    this.#parser = new Parser({ strict: true, maxMetaEntrySize: maxMetaBytes });
    this.#parser.on("error", (error: unknown) => this.#reject(error));
    this.#parser.on("meta", (text: string) => this.#guard(() => checkMeta(text)));
    this.#parser.on("ignoredEntry", (entry: ReadEntry) =>
      this.#reject(archiveRejected(entry.path, `is a ${entry.type}: only files, directories and links are allowed`)),
    );
    this.#parser.on("entry", (entry: ReadEntry) => this.#guard(() => this.#take(entry)));
  }

  *cut(chunk: Buffer): Generator<Buffer> {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const size = this.#nextPiece();
      if (size === 0) return;
      const piece = this.#pending.subarray(0, size);
      this.#pending = this.#pending.subarray(size);
      yield piece;
    }
  }

  *feed(piece: Buffer): Generator<ArchiveEvent> {
    if (this.#nullBlocks >= 2) {
      if (piece.some((byte) => byte !== 0)) throw archiveRejected("", "goes on after its end mark");
      return;
    }
    if (this.#bodyBytes > 0) this.#bodyBytes -= piece.length;
    else if (this.#metaBytes > 0) this.#metaBytes = 0;
    else this.#readHeader(piece);
    this.#parser.write(piece);
    if (this.#rejection !== undefined) throw this.#rejection;
    yield* this.#events.splice(0);
  }

  finish(): void {
    const isCut = this.#pending.length > 0 || this.#bodyBytes > 0 || this.#metaBytes > 0;
    if (isCut || this.#nullBlocks < 2) throw archiveRejected("", "is cut short: its end mark is missing");
  }

  #nextPiece(): number {
    const whole = this.#pending.length - (this.#pending.length % block);
    if (this.#nullBlocks >= 2) return whole;
    if (this.#bodyBytes > 0) return Math.min(whole, this.#bodyBytes);
    if (this.#metaBytes > 0) return this.#pending.length >= this.#metaBytes ? this.#metaBytes : 0;
    return this.#pending.length >= block ? block : 0;
  }

  #readHeader(piece: Buffer): void {
    if (this.#isFirst && /^(1f8b|28b52ffd)/.test(piece.toString("hex", 0, 4)))
      throw archiveRejected("", "is compressed twice");
    this.#isFirst = false;
    const header = readHeader(piece);
    this.#nullBlocks = header.nullBlock ? this.#nullBlocks + 1 : 0;
    if (!metaTypes.has(header.type) || header.nullBlock) return;
    const bytes = header.size ?? 0;
    if (bytes > maxMetaBytes) throw archiveRejected("", `has an extended header of ${bytes} bytes`);
    this.#metaBytes = Math.ceil(bytes / block) * block;
    this.#meter.addEntry();
  }

  #take(entry: ReadEntry): void {
    this.#meter.addEntry();
    const path = cleanEntryName(entry.path, this.#limits);
    if (((entry.mode ?? 0) & 0o6000) !== 0) throw archiveRejected(entry.path, "has a setuid or setgid bit");
    entry.on("data", (bytes: Uint8Array) => this.#events.push({ kind: "content", bytes }));
    if (fileTypes.has(entry.type)) this.#takeFile(entry, path);
    else if (entry.type === "Directory") this.#takeDirectory(entry, path);
    else if (entry.type === "SymbolicLink") this.#takeLink(entry, path);
    else throw archiveRejected(entry.path, `is a ${entry.type}: only files, directories and links are allowed`);
  }

  #takeFile(entry: ReadEntry, path: string): void {
    const { maxFileBytes } = this.#limits;
    if (path === "") throw archiveRejected(entry.path, "is a file without a name");
    if (entry.size > maxFileBytes) throw archiveRejected(entry.path, `is larger than ${maxFileBytes} bytes`);
    this.#bodyBytes = entry.startBlockSize;
    this.#events.push({ kind: "file", path, bytes: entry.size, isExecutable: ((entry.mode ?? 0) & 0o111) !== 0 });
  }

  #takeDirectory(entry: ReadEntry, path: string): void {
    if (entry.size > 0) throw archiveRejected(entry.path, "is a directory with content");
    if (path !== "") this.#events.push({ kind: "directory", path });
  }

  #takeLink(entry: ReadEntry, path: string): void {
    if (entry.size > 0) throw archiveRejected(entry.path, "is a link with content");
    if (path === "") throw archiveRejected(entry.path, "is a link without a name");
    this.#events.push({ kind: "link", path, target: entry.linkpath ?? "" });
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#reject(error);
    }
  }

  #reject(error: unknown): void {
    this.#rejection ??= error;
  }
}
