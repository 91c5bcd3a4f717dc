import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { errnoOf } from "../values/errors.ts";
import { archiveRejected } from "./limits.ts";

/** A gzipped tar: the path of a file, or its bytes. */
export type ArchiveSource = string | AsyncIterable<Uint8Array>;

/** The gzip data is at fault; who reads the tar in it knows where. */
export class BrokenGzip extends Error {
  override readonly name = "BrokenGzip";
  readonly kind: "cut" | "damaged" | "checksum" | "header";

  constructor(kind: BrokenGzip["kind"], cause: Error) {
    super(cause.message, { cause });
    this.kind = kind;
  }
}

/** As much as what something is can be told from: the header of a tar. */
const headBytes = 512;
/** Beginnings are unpacked in small pieces, so that what stands before a fault is seen. */
const carefulBytes = 16 * 1024;
const smallPiece = 64;
/** Bounds what one step can expand to: a thousand times that. */
const largePiece = 16 * 1024;

/** Expands the bytes of a gzip file. Throws `archive_rejected` for what is none, and `BrokenGzip` where it is broken. */
export async function* gunzip(source: ArchiveSource, onCompressed: (bytes: number) => void): AsyncGenerator<Buffer> {
  const chunks = typeof source === "string" ? createReadStream(source) : source;
  const output = createGunzip({ chunkSize: 128 * 1024 });
  const made: Buffer[] = [];
  const broken: Error[] = [];
  output.on("data", (chunk: Buffer) => made.push(chunk));
  output.on("error", (error) => broken.push(error));
  let wake = () => {};
  const over = new Promise<void>((resolve) => output.once("close", resolve));
  // A write that fails calls nobody back.
  void over.then(() => wake());
  try {
    for await (const piece of pieces(checked(chunks, onCompressed))) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        output.write(piece, () => resolve());
      });
      yield* made.splice(0);
      if (broken[0] !== undefined) throw asBroken(broken[0]);
    }
    output.end();
    await over;
    yield* made.splice(0);
    if (broken[0] !== undefined) throw asBroken(broken[0]);
  } finally {
    output.destroy();
  }
}

function* cut(chunk: Buffer, done: number): Generator<Buffer> {
  for (let at = 0; at < chunk.length; ) {
    const size = done + at < carefulBytes ? smallPiece : largePiece;
    yield chunk.subarray(at, at + size);
    at += size;
  }
}

async function* pieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let done = 0;
  for await (const chunk of chunks) {
    yield* cut(chunk, done);
    done += chunk.length;
  }
}

/** Passes everything on once its beginning is known to be that of a gzip file. */
async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  onCompressed: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    onCompressed(chunk.length);
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (head === undefined) {
      yield bytes;
      continue;
    }
    head = Buffer.concat([head, bytes]);
    if (head.length < headBytes) continue;
    demandGzip(head);
    yield head;
    head = undefined;
  }
  if (head === undefined) return;
  demandGzip(head);
  yield head;
}

const otherForms: readonly (readonly [RegExp, string])[] = [
  [/^504b0[357]0[468]/, "is a zip file"],
  [/^425a68/, "is compressed with bzip2"],
  [/^fd377a585a00/, "is compressed with xz"],
  [/^28b52ffd/, "is compressed with zstd"],
  [/^(00)+$/, "begins with zeros: it was written or sent only in part"],
];

function demandGzip(head: Buffer): void {
  const wanted = "expected a gzipped tar";
  if (head.length === 0) throw archiveRejected("", `is empty: ${wanted}`);
  if (head[0] === 0x1f && (head.length === 1 || head[1] === 0x8b)) return;
  const hex = head.toString("hex");
  const other = otherForms.find(([form]) => form.test(hex))?.[1];
  if (other !== undefined) throw archiveRejected("", `${other}: ${wanted}`);
  if (head.toString("latin1", 257, 262) === "ustar")
    throw archiveRejected("", `is a tar that is not compressed: ${wanted}`);
  throw archiveRejected("", `is not a gzip file, it begins with the bytes ${hex.slice(0, 8)}: ${wanted}`);
}

const headerFaults =
  /^(incorrect header check|unknown compression method|unknown header flags set|header crc mismatch|invalid window size)/;

function asBroken(error: Error): Error {
  const code = errnoOf(error);
  if (code === "Z_BUF_ERROR") return new BrokenGzip("cut", error);
  if (code !== "Z_DATA_ERROR" && code !== "Z_NEED_DICT") return error;
  if (/^incorrect (data|length) check/.test(error.message)) return new BrokenGzip("checksum", error);
  return new BrokenGzip(headerFaults.test(error.message) ? "header" : "damaged", error);
}
