import { isJsonList, isJsonObject, type Json, JsonNumber } from "./json.ts";

/**
 * The JSON text of a value, every number as it was written; with an indent, as `JSON.stringify` lays it out.
 * Properties of records that are undefined are left out.
 */
export function writeJson(value: Json | object, indent = 0): string {
  return written(value, indent === 0 ? undefined : { step: " ".repeat(indent), margin: "\n" });
}

interface Layout {
  readonly step: string;
  readonly margin: string;
}

function written(value: unknown, layout: Layout | undefined): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (value instanceof JsonNumber) return value.text;
  const inner = layout && { ...layout, margin: layout.margin + layout.step };
  if (Array.isArray(value)) {
    const items = value.map((item) => written(item, inner));
    return enclosed(["[", "]"], items, layout);
  }
  const between = layout === undefined ? ":" : ": ";
  const items: string[] = [];
  for (const [name, item] of isJsonObject(value) ? value : Object.entries(value)) {
    if (item !== undefined) items.push(JSON.stringify(name) + between + written(item, inner));
  }
  return enclosed(["{", "}"], items, layout);
}

function enclosed([open, close]: readonly [string, string], items: readonly string[], layout: Layout | undefined) {
  if (layout === undefined || items.length === 0) return open + items.join(",") + close;
  const margin = layout.margin + layout.step;
  return open + margin + items.join(`,${margin}`) + layout.margin + close;
}

/** Whether two values are the same: the order of keys, and how a number is written, do not count. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (a instanceof JsonNumber || b instanceof JsonNumber) {
    return a instanceof JsonNumber && b instanceof JsonNumber && sameNumber(a.text, b.text);
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (isJsonList(a) || isJsonList(b)) {
    return isJsonList(a) && isJsonList(b) && a.length === b.length && a.every((item, at) => sameJson(item, b[at]));
  }
  return a.size === b.size && [...a].every(([name, item]) => b.has(name) && sameJson(item, b.get(name)));
}

const sameNumber = (a: string, b: string): boolean => a === b || exactNumber(a) === exactNumber(b);

/**
 * One text for all that say the same number: 1E5, 100000.0 and 100000 are 1e5. No digit is lost on the way, however
 * many there are and whatever the exponent is. Undefined for what is no number.
 */
export function exactNumber(text: string): string | undefined {
  const [, sign = "", whole, fraction = "", exponent = "0"] = numberPattern.exec(text.trim()) ?? [];
  if (whole === undefined) return undefined;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  if (digits === "") return "0";
  // Nobody means it: it stands for itself.
  if (exponent.length > maxExponentDigits) return text.trim();
  const plain = digits.slice(0, endWithoutZeros(digits));
  const shift = BigInt(exponent) + BigInt(digits.length - plain.length - fraction.length);
  return `${sign === "-" ? "-" : ""}${plain}e${shift}`;
}

function endWithoutZeros(digits: string): number {
  let end = digits.length;
  while (digits[end - 1] === "0") end -= 1;
  return end;
}

const maxExponentDigits = 1_000;
const numberPattern = /^([-+]?)(\d+)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/;
