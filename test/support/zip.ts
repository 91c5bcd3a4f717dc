import { crc32, deflateRawSync } from "node:zlib";

export interface ZipEntry {
  readonly name: string;
  readonly content: Uint8Array;
  /** Unix file type and permissions; a plain executable if absent. */
  readonly mode?: number;
  readonly isDeflated?: boolean;
  /** What the zip says of the content's size, if that is a lie. */
  readonly claimedBytes?: number;
}

const unixMadeIt = (3 << 8) | 20;
const executable = 0o100755;

/** A zip with these entries, as PKZIP's APPNOTE has it; nothing is checked, so that tests can make hostile ones. */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const packed = entry.isDeflated === true ? deflateRawSync(entry.content) : entry.content;
    const facts = factsOf(entry, packed, name);
    const local = Buffer.concat([words(0x04034b50), shorts(20), facts, shorts(0), name]);
    const { mode = executable } = entry;
    const central = [
      words(0x02014b50),
      shorts(unixMadeIt, 20),
      facts,
      shorts(0, 0, 0, 0),
      words((mode << 16) >>> 0, offset),
      name,
    ];
    directory.push(Buffer.concat(central));
    parts.push(local, Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength));
    offset += local.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const end = [words(0x06054b50), shorts(0, 0, entries.length, entries.length), words(list.length, offset), shorts(0)];
  return Buffer.concat([...parts, list, ...end]);
}

/** Flags, method, time, date, checksum, sizes and the name's length: the same in both headers. */
function factsOf({ content, isDeflated = false, claimedBytes }: ZipEntry, packed: Uint8Array, name: Buffer): Buffer {
  const sizes = words(crc32(content), packed.length, claimedBytes ?? content.length);
  return Buffer.concat([shorts(0, isDeflated ? 8 : 0, 0, 0x21), sizes, shorts(name.length)]);
}

function shorts(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2);
  return bytes;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}
