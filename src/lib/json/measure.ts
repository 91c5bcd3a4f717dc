const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** What a JSON text would become, told without parsing it. */
export interface JsonMeasure {
  /** Objects, arrays and their members, within one. */
  readonly values: number;
  /** How deep objects and arrays stand inside each other; 0 for a plain value. */
  readonly depth: number;
}

/**
 * Measures a JSON text by one look at its bytes: a parser needs up to a hundred bytes of memory for two bytes of text. It
 * stops once there are more than `maxValues`. Of what is no JSON it says something finite.
 */
export function measureJson(bytes: Uint8Array, maxValues = Number.POSITIVE_INFINITY): JsonMeasure {
  let values = 1;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < bytes.length && values <= maxValues; at++) {
    const byte = bytes[at];
    if (byte === quote) at = endOfJsonString(bytes, at) - 1;
    else if (byte === comma) values += 1;
    else if (byte === openBrace || byte === openBracket) {
      values += 1;
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1;
  }
  return { values, depth: deepest };
}

/** More values, or deeper ones, keep whoever parses them in place from everything else. */
const maxValues = 500_000;
const maxDepth = 500;

/** True for what shall not be parsed where others wait. */
export function isCostlyJson(bytes: Uint8Array): boolean {
  const { values, depth } = measureJson(bytes, maxValues);
  return values > maxValues || depth > maxDepth;
}

/** The place after the closing quote of the string that opens at `start`. */
export function endOfJsonString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === backslash) at += 1;
    else if (bytes[at] === quote) return at + 1;
  }
  return bytes.length;
}
