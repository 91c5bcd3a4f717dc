import { Header, Parser, type ReadEntry } from "tar";
import { errnoOf } from "../values/errors.ts";
import { isWindlassError } from "../words/errors.ts";
import { type ArchiveSource, BrokenGzip, gunzip } from "./gzip.ts";
import { type ArchiveLimits, archiveRejected, shownEntry } from "./limits.ts";
import { cleanEntryName } from "./names.ts";

/**
 * What comes out of an archive, in order; `content` belongs to the `file` before it. Paths are clean and relative,
 * modes permissions.
 */
export type ArchiveEvent =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly bytes: number; readonly mode: number }
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const block = 512;
const longNameTypes = new Set(["NextFileHasLongPath", "NextFileHasLongLinkpath", "OldGnuLongPath"]);
const metaTypes = new Set([...longNameTypes, "ExtendedHeader", "OldExtendedHeader", "GlobalExtendedHeader"]);
const fileTypes = new Set(["File", "OldFile", "ContiguousFile"]);
const maxMetaBytes = 64 * 1024;

/** Counts the compressed and expanded bytes of one archive and stops it at its limits. */
class Meter {
  readonly #limits: ArchiveLimits;
  compressed = 0;
  expanded = 0;
  entries = 0;
  /** The last one of which a name is known, as it stands in the archive. */
  lastEntry = "";

  constructor(limits: ArchiveLimits) {
    this.#limits = limits;
  }

  /** Where something is that belongs to no entry. */
  get place(): string {
    return this.lastEntry === "" ? " before its first entry" : ` after the entry ${shownEntry(this.lastEntry)}`;
  }

  addCompressed(bytes: number): void {
    this.compressed += bytes;
    const { maxCompressedBytes } = this.#limits;
    if (this.compressed > maxCompressedBytes) throw archiveRejected("", `is larger than ${maxCompressedBytes} bytes`);
  }

  addExpanded(bytes: number): void {
    this.expanded += bytes;
    const { maxExpandedBytes, maxRatio, ratioFromBytes } = this.#limits;
    if (this.expanded > maxExpandedBytes)
      throw archiveRejected("", `expands to more than ${maxExpandedBytes} bytes${this.place}`);
    if (this.expanded > ratioFromBytes && this.expanded > maxRatio * this.compressed) {
      throw archiveRejected("", `expands to more than ${maxRatio} times its size${this.place}`);
    }
  }

  addEntry(): void {
    this.entries += 1;
    const { maxEntries } = this.#limits;
    if (this.entries > maxEntries)
      throw archiveRejected("", `has more than ${maxEntries} entries, it goes on${this.place}`);
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
    for await (const chunk of gunzip(source, (bytes) => meter.addCompressed(bytes))) {
      meter.addExpanded(chunk.length);
      for (const piece of framer.cut(chunk)) yield* framer.feed(piece);
    }
    framer.finish();
  } catch (error) {
    throw asRejection(error, { meter, framer });
  }
  onEnd(meter.compressed);
}

interface Reading {
  readonly meter: Meter;
  readonly framer: Framer;
}

function asRejection(error: unknown, { meter, framer }: Reading): unknown {
  if (isWindlassError(error) || !(error instanceof Error)) return error;
  if (error instanceof BrokenGzip) return brokenGzip(error, { meter, framer });
  if (errnoOf(error)?.startsWith("TAR_") === true)
    return archiveRejected("", `has a damaged entry${meter.place} (${error.message})`, { cause: error });
  return error;
}

function brokenGzip(error: BrokenGzip, { meter, framer }: Reading): unknown {
  const told = (why: string) => archiveRejected("", why, { cause: error });
  switch (error.kind) {
    case "cut":
      return framer.whyUnfinished() ?? told(`is cut short: the checksum at its end is missing${meter.place}`);
    case "checksum":
      return told(`has a wrong checksum at its end${meter.place}: it was changed on its way`);
    case "header":
      return meter.expanded === 0
        ? told("has a damaged gzip header: it was changed on its way")
        : told(`goes on after its end with something else${meter.place}`);
    case "damaged":
      return told(`has damaged data${meter.place}: it was changed on its way`);
  }
}

/** The fields of an extended header: `LENGTH KEY=VALUE` in lines, or one bare name. */
const namesIn = (text: string, isBare: boolean): readonly string[] =>
  isBare
    ? [text.replace(/\0$/, "")]
    : text.split(/\n(?=\d+ [^=\n]+=)/).map((line) => line.replace(/^\d+ [^=]*=|\n$/g, ""));

/** What an extended header may override without the parser telling: refused when it holds tricks. */
function checkMeta(text: string, { isBare, place }: { readonly isBare: boolean; readonly place: string }): void {
  if (!isBare && /(^|\n)\d+ GNU\.sparse\./.test(text)) throw archiveRejected("", `holds a sparse file${place}`);
  if (!isBare && /(^|\n)\d+ size=\s*-/.test(text)) throw archiveRejected("", `holds a negative size${place}`);
  const names = namesIn(text, isBare);
  const withNul = names.find((name) => name.includes("\0"));
  if (withNul !== undefined) throw archiveRejected(withNul, "has a NUL in its name or its extended header");
  const garbled = names.find((name) => name.includes("\ufffd"));
  if (garbled !== undefined) throw archiveRejected(garbled, "has an extended header that is not valid UTF-8");
}

/** Sizes are octal digits: a larger or a negative one is written in another way, which programs read differently. */
function readHeader(piece: Buffer, damaged: (cause?: unknown) => Error): Header {
  let header: Header;
  try {
    header = new Header(piece, 0);
  } catch (error) {
    throw damaged(error);
  }
  if (header.nullBlock) return header;
  if (!header.cksumValid) throw damaged();
  if (!/^ *[0-7]*[ \0]*$/.test(piece.toString("latin1", 124, 136))) {
    throw archiveRejected(header.path ?? "", "has a size that is not written in octal digits");
  }
  return header;
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
  #isBareMeta = false;
  #nullBlocks = 0;
  #isFirst = true;

  constructor(limits: ArchiveLimits, meter: Meter) {
    this.#limits = limits;
    this.#meter = meter;
    this.#parser = new Parser({ strict: true, maxMetaEntrySize: maxMetaBytes });
    this.#parser.on("error", (error: unknown) => this.#reject(error));
    this.#parser.on("meta", (text: string) => this.#guard(() => this.#takeMeta(text)));
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
      if (piece.some((byte) => byte !== 0)) throw archiveRejected("", `goes on after its end mark${this.#meter.place}`);
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
    const why = this.whyUnfinished();
    if (why !== undefined) throw why;
  }

  /** What is missing, if anything is. */
  whyUnfinished(): Error | undefined {
    const { lastEntry, place } = this.#meter;
    const missing = this.#bodyBytes - this.#pending.length;
    if (this.#bodyBytes > 0)
      return archiveRejected(lastEntry, `is cut short, up to ${missing} bytes of it are missing`);
    if (this.#metaBytes > 0) return archiveRejected("", `is cut short in an extended header${place}`);
    if (this.#nullBlocks >= 2 && this.#pending.length === 0) return undefined;
    if (this.#pending.length > 0) return archiveRejected("", `is cut short in the header${place}`);
    return archiveRejected("", `is cut short: its end mark is missing${place}`);
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
    const isOther = this.#meter.lastEntry === "" && piece.toString("latin1", 257, 262) !== "ustar";
    const header = readHeader(piece, (cause) =>
      isOther
        ? archiveRejected("", "is not a tar file: what is compressed in it begins with no entry", { cause })
        : archiveRejected("", `has a damaged header${this.#meter.place}`, { cause }),
    );
    this.#nullBlocks = header.nullBlock ? this.#nullBlocks + 1 : 0;
    if (!metaTypes.has(header.type) || header.nullBlock) return;
    const bytes = header.size ?? 0;
    if (bytes > maxMetaBytes) throw archiveRejected("", `has an extended header of ${bytes} bytes${this.#meter.place}`);
    this.#metaBytes = Math.ceil(bytes / block) * block;
    this.#isBareMeta = longNameTypes.has(header.type);
    this.#meter.addEntry();
  }

  #takeMeta(text: string): void {
    checkMeta(text, { isBare: this.#isBareMeta, place: this.#meter.place });
  }

  #take(entry: ReadEntry): void {
    this.#meter.addEntry();
    this.#meter.lastEntry = entry.path;
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
    this.#events.push({ kind: "file", path, bytes: entry.size, mode: (entry.mode ?? 0) & 0o777 });
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
