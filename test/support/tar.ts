import { gzipSync } from "node:zlib";
import { Header } from "tar";

/** An entry as a hostile hand might write it: nothing about it is checked. */
export interface TarEntry {
  readonly path: string;
  readonly type?: "File" | "Directory" | "SymbolicLink" | "Link" | "CharacterDevice" | "FIFO";
  readonly target?: string;
  readonly content?: Uint8Array | string;
}

/** A gzipped tar of the entries. */
export const tarGz = (entries: readonly TarEntry[]): Buffer =>
  gzipSync(Buffer.concat([...entries.map(encode), Buffer.alloc(1024)]));

function encode({ path, type = "File", target = "", content = "" }: TarEntry): Buffer {
  const bytes = Buffer.from(content);
  const header = new Header({ path, type, linkpath: target, size: bytes.length, mode: 0o644, mtime: new Date(0) });
  header.encode();
  return Buffer.concat([header.block ?? Buffer.alloc(512), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
