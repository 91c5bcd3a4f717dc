import { endOfJsonString } from "../../lib/json/measure.ts";

const quote = 0x22;
const colon = 0x3a;
const opening = new Set([0x7b, 0x5b]);
const closing = new Set([0x7d, 0x5d]);
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** A key directly inside the outermost object. */
export interface TopLevelKey {
  /** As it reads, whatever its escapes are. */
  readonly key: string;
  /** As it is written, without its quotes. */
  readonly written: string;
  /** The place after its closing quote. */
  readonly end: number;
}

/** The keys of the outermost object of a valid JSON text, in their order; the same key may come again. */
export function* topLevelKeys(bytes: Buffer): Generator<TopLevelKey, void> {
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (opening.has(byte)) depth += 1;
    else if (closing.has(byte)) depth -= 1;
    else if (byte === quote) {
      const end = endOfJsonString(bytes, at);
      if (depth === 1 && isKey(bytes, end)) {
        const written = bytes.toString("utf8", at + 1, end - 1);
        yield { key: String(JSON.parse(`"${written}"`)), written, end };
      }
      at = end - 1;
    }
  }
}

function isKey(bytes: Buffer, end: number): boolean {
  let at = end;
  while (spaces.has(bytes[at] ?? 0)) at += 1;
  return bytes[at] === colon;
}
