import { gzipSync } from "node:zlib";

interface Entry {
  readonly name: string;
  readonly type?: string;
  readonly link?: string;
  readonly body?: string | Buffer;
  readonly mode?: number;
  /** Overrides the size field, to lie about the body. */
  readonly size?: string;
}

/** One tar entry, byte by byte (POSIX ustar). */
export function entry({ name, type = "0", link = "", body = "", mode = 0o644, size }: Entry): Buffer {
  const content = Buffer.from(body);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "utf8");
  header.write(`${mode.toString(8).padStart(7, "0")}\0`, 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(size ?? `${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157, 100, "utf8");
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** The entry with other bytes in its header, and the checksum that fits them. */
export function withBytes(header: Buffer, at: number, bytes: Buffer): Buffer {
  const changed = Buffer.from(header);
  bytes.copy(changed, at);
  changed.write("        ", 148);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return changed;
}

export function pax(fields: Readonly<Record<string, string>>, type = "x"): Buffer {
  const body = Object.entries(fields).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = Buffer.byteLength(rest) + 1;
    while (length !== Buffer.byteLength(rest) + String(length).length) length += 1;
    return `${length}${rest}`;
  });
  return entry({ name: "PaxHeader", type, body: body.join("") });
}

export const ending = Buffer.alloc(1024);
export const tar = (...parts: readonly Buffer[]): Buffer => gzipSync(Buffer.concat([...parts, ending]));

export async function* bytes(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed: number): Buffer {
  const out = Buffer.alloc(length);
  let state = seed + 1;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}
