import { isJsonList, isJsonObject, type Json, JsonNumber, type JsonObject } from "../../../lib/json/json.ts";
import { type DifferenceBudget, type DifferenceStep, stepsBetween } from "./lists.ts";

/** Both sides of a comparison, as OpenTofu tells them. A value that is not there is undefined: `null` is one that is. */
export interface Sides {
  readonly before: Json | undefined;
  readonly after: Json | undefined;
  readonly unknown: Json | undefined;
  readonly beforeSensitive: Json | undefined;
  readonly afterSensitive: Json | undefined;
}

export type DifferenceAction = "create" | "delete" | "update" | "no-op";

/** What differs, in the parts that are shown. */
export type Difference = { readonly action: DifferenceAction } & (
  | { readonly kind: "plain"; readonly before: Json | undefined; readonly after: Json | undefined }
  | { readonly kind: "object"; readonly attributes: ReadonlyMap<string, Difference> }
  | { readonly kind: "list"; readonly elements: readonly Difference[] }
  | { readonly kind: "type-change"; readonly before: Difference; readonly after: Difference }
  | { readonly kind: "unknown"; readonly before: Difference | undefined }
  | {
      readonly kind: "sensitive";
      readonly inner: Difference;
      readonly beforeSensitive: boolean;
      readonly afterSensitive: boolean;
    }
);

/**
 * Compares two values. As `Transform` of OpenTofu's jsonformat/jsondiff/diff.go. Throws `RangeError` for values that
 * are too large or nested too deeply.
 */
export const differenceOf = (sides: Sides, budget: DifferenceBudget): Difference =>
  compare(sides, { budget, depth: 0 });

interface Work {
  readonly budget: DifferenceBudget;
  readonly depth: number;
}

/** A deeper value is no text that anybody reads. */
const maxDepth = 100;

function compare(sides: Sides, { budget, depth }: Work): Difference {
  if (depth > maxDepth) throw new RangeError("a difference that is nested too deeply");
  const work = { budget, depth: depth + 1 };
  const { before, after, unknown } = sides;
  if (sides.beforeSensitive === true || sides.afterSensitive === true) return compareHidden(sides, work);
  if (unknown === true) {
    if (before === undefined || before === null) return { kind: "unknown", action: "create", before: undefined };
    return { kind: "unknown", action: "update", before: compare(withoutAfter(sides), work) };
  }
  const [from, to] = [typeOf(before), typeOf(after)];
  if (from === to || before === undefined || after === undefined)
    return compareOf(from === "null" ? to : from, sides, work);
  return {
    kind: "type-change",
    action: "update",
    before: compareOf(from, withoutAfter(sides), work),
    after: compareOf(to, { ...sides, before: undefined, beforeSensitive: undefined }, work),
  };
}

const withoutAfter = (sides: Sides): Sides => ({
  ...sides,
  after: undefined,
  unknown: undefined,
  afterSensitive: undefined,
});

function compareHidden(sides: Sides, work: Work): Difference {
  const beforeSensitive = sides.beforeSensitive === true;
  const afterSensitive = sides.afterSensitive === true;
  const inner = compare({ ...sides, beforeSensitive: undefined, afterSensitive: undefined }, work);
  const isThere = sides.before !== undefined || sides.after !== undefined;
  const isOther = inner.action === "no-op" && beforeSensitive !== afterSensitive && isThere;
  return { kind: "sensitive", action: isOther ? "update" : inner.action, inner, beforeSensitive, afterSensitive };
}

type JsonType = "null" | "boolean" | "string" | "number" | "list" | "object";

function typeOf(value: Json | undefined): JsonType {
  if (value === undefined || value === null) return "null";
  if (value instanceof JsonNumber) return "number";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "boolean";
  return isJsonList(value) ? "list" : "object";
}

function compareOf(type: JsonType, sides: Sides, work: Work): Difference {
  if (type === "object") return compareObjects(sides, work);
  if (type === "list") return compareLists(sides, work);
  const { before, after } = sides;
  return { kind: "plain", action: actionOf(sides), before, after };
}

function actionOf({ before, after }: Sides): DifferenceAction {
  if (before === undefined && after !== undefined) return "create";
  if (before !== undefined && after === undefined) return "delete";
  return keyOf(before) === keyOf(after) ? "no-op" : "update";
}

function compareObjects(sides: Sides, work: Work): Difference {
  const parts = partsOf(sides, (value) => (isJsonObject(value) ? value : undefined));
  const names = new Set(Object.values(parts).flatMap((part: JsonObject | undefined) => [...(part?.keys() ?? [])]));
  const child = (name: string): Sides => ({
    before: parts.before?.get(name),
    after: parts.after?.get(name),
    unknown: parts.unknown?.get(name),
    beforeSensitive: parts.beforeSensitive?.get(name),
    afterSensitive: parts.afterSensitive?.get(name),
  });
  const attributes = new Map([...names].map((name) => [name, compare(child(name), work)]));
  return { kind: "object", action: actionOfAll(parts, attributes.values()), attributes };
}

function compareLists(sides: Sides, work: Work): Difference {
  const parts = partsOf(sides, (value) => (isJsonList(value) ? value : undefined));
  const { before = [], after = [] } = parts;
  const isPair = (from: number, to: number): boolean => isOneElement(before[from], after[to]);
  const steps = stepsBetween(work.budget, { before: before.map(keyOf), after: after.map(keyOf), isPair });
  const child = ([from = before.length, to = after.length]: DifferenceStep): Sides => ({
    before: before[from],
    after: after[to],
    unknown: parts.unknown?.[to],
    beforeSensitive: parts.beforeSensitive?.[from],
    afterSensitive: parts.afterSensitive?.[to],
  });
  const elements = steps.map((step) => compare(child(step), work));
  return { kind: "list", action: actionOfAll(parts, elements), elements };
}

function partsOf<T>(
  sides: Sides,
  part: (value: Json | undefined) => T | undefined,
): Record<keyof Sides, T | undefined> {
  return {
    before: part(sides.before),
    after: part(sides.after),
    unknown: part(sides.unknown),
    beforeSensitive: part(sides.beforeSensitive),
    afterSensitive: part(sides.afterSensitive),
  };
}

function actionOfAll(
  { before, after }: { readonly before: unknown; readonly after: unknown },
  parts: Iterable<Difference>,
): DifferenceAction {
  let action: DifferenceAction = before === undefined ? (after === undefined ? "no-op" : "create") : "no-op";
  if (before !== undefined && after === undefined) action = "delete";
  for (const part of parts) if (part.action !== "no-op" && part.action !== action) action = "update";
  return action;
}

/** Objects, and texts of several lines that have one in common, are told as one that has changed. */
function isOneElement(before: Json | undefined, after: Json | undefined): boolean {
  if (isJsonObject(before) && isJsonObject(after)) return true;
  if (typeof before !== "string" || typeof after !== "string") return false;
  if (!before.includes("\n") && !after.includes("\n")) return false;
  const lines = new Set(before.split("\n"));
  return after.split("\n").some((line) => lines.has(line));
}

/** One text for values that are the same to OpenTofu: numbers as they are written, objects in any order. */
function keyOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "null";
  if (value instanceof JsonNumber) return value.text;
  if (typeof value !== "object") return JSON.stringify(value);
  if (isJsonList(value)) return `[${value.map(keyOf).join(",")}]`;
  const names = [...value.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${keyOf(value.get(name))}`).join(",")}}`;
}
