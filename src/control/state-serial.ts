import { WindlassError } from "../lib/errors.ts";

const quote = 0x22;
const backslash = 0x5c;
const opening = new Set([0x7b, 0x5b]);
const closing = new Set([0x7d, 0x5d]);

/**
 * The same state with another serial. Only that number is written anew: what a parser would do to large numbers and to
 * the order of keys must not happen to a state.
 */
export function withSerial(state: Uint8Array, serial: number): Uint8Array {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  for (const { key, end } of topLevelKeys(bytes)) {
    if (key !== "serial") continue;
    const number = /^\s*:\s*(\d+)/.exec(bytes.toString("latin1", end, end + 100));
    if (number?.[1] === undefined) continue;
    const after = end + number[0].length;
    return Buffer.concat([
      bytes.subarray(0, after - number[1].length),
      Buffer.from(String(serial)),
      bytes.subarray(after),
    ]);
  }
  throw new WindlassError("internal", "a state without a serial cannot get another one");
}

/** The strings directly inside the outermost object, keys among them, with the place after each. */
function* topLevelKeys(bytes: Buffer): Generator<{ readonly key: string; readonly end: number }, void> {
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (opening.has(byte)) depth += 1;
    else if (closing.has(byte)) depth -= 1;
    else if (byte === quote) {
      const end = endOfString(bytes, at);
      if (depth === 1) yield { key: bytes.toString("utf8", at + 1, end - 1), end };
      at = end - 1;
    }
  }
}

function endOfString(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === backslash) at += 1;
    else if (bytes[at] === quote) return at + 1;
  }
  return bytes.length;
}
