import { isJsonList, isJsonObject, type Json, JsonNumber, type JsonObject } from "../json/json.ts";
import { sameJson, writeJson } from "../json/text.ts";

/** A value of JSON in which `{ masked: true }` stands for a secret. */
export type MaskedValue = Json | undefined;

/** One value before and after a change. */
export interface AttributeChange {
  /** For example `tags.Name` or `ingress[0].port`; empty is the value itself. */
  readonly path: string;
  /** JSON text; empty if there is none, or it is sensitive. */
  readonly beforeJson: string;
  /**
   * JSON text; empty if there is none, or it is sensitive or not known yet. A write-only value has terraform's words
   * for it.
   */
  readonly afterJson: string;
  readonly isUnknown: boolean;
  readonly isSensitive: boolean;
  readonly forcesReplacement: boolean;
}

/** Both sides of a change, and where its outcome is not known: `unknown` mirrors the shape of `after`. */
export interface ValueChange {
  readonly before: MaskedValue;
  readonly after: MaskedValue;
  readonly unknown: Json | undefined;
}

type Step = string | number;

/** Longer values are cut: they are for people, and a plan may hold thousands. */
const maxCharacters = 8_192;

/** The values that differ, each by its path. `replacePaths` are those that make a replacement necessary. */
export function attributeChanges(change: ValueChange, replacePaths: Json | undefined): readonly AttributeChange[] {
  const forcing = (isJsonList(replacePaths) ? replacePaths : []).filter(isJsonList).map(stepsOf);
  return [...leaves(change, [])].map(({ path, before, after, unknown }) => ({
    path: pathText(path),
    ...shownValues({ before, after, unknown }),
    forcesReplacement: forcing.some((forced) => isPrefix(forced, path) || isPrefix(path, forced)),
  }));
}

/** The change of one value as a whole; a value that holds any secret is left out. */
export const wholeChange = (change: ValueChange): AttributeChange => ({
  path: "",
  ...shownValues({ ...change, unknown: holdsTrue(change.unknown) }),
  forcesReplacement: false,
});

function shownValues({ before, after, unknown }: ValueChange) {
  const isSensitive = holdsMask(before) || holdsMask(after);
  const isUnknown = unknown === true;
  return {
    beforeJson: isSensitive ? "" : jsonText(before),
    afterJson: isWriteOnly(after) ? writeOnlyJson : isSensitive || isUnknown ? "" : jsonText(after),
    isUnknown,
    isSensitive,
  };
}

interface Leaf extends ValueChange {
  readonly path: readonly Step[];
}

/** The parts that differ and cannot be taken apart any more. */
function* leaves({ before, after, unknown }: ValueChange, path: readonly Step[]): Generator<Leaf, void> {
  if (isMask(before) || isMask(after)) {
    if (unknown === true || isChangedMask(before) || isChangedMask(after)) yield { path, before, after, unknown };
    return;
  }
  if (unknown === true) {
    yield { path, before, after, unknown };
    return;
  }
  const steps = stepsInto([before, after, unknown]);
  if (steps === undefined) {
    if (!sameJson(before ?? null, after ?? null)) yield { path, before, after, unknown };
    return;
  }
  for (const step of steps) {
    const part = { before: partOf(before, step), after: partOf(after, step), unknown: partOf(unknown, step) };
    yield* leaves(part, [...path, step]);
  }
}

/** The keys or places of values that are all objects, or all lists, where they are anything; undefined if there are none. */
function stepsInto(
  values: readonly [Json | undefined, Json | undefined, Json | undefined],
): readonly Step[] | undefined {
  const [before, after, unknown] = values.map((value) => (value === false ? undefined : (value ?? undefined)));
  const present = [before, after].filter((value) => value !== undefined);
  const shapes = present.length === 0 ? [unknown] : present;
  if (shapes.every(isJsonList)) {
    const length = Math.max(0, ...[...present, unknown].map((value) => (isJsonList(value) ? value.length : 0)));
    return length === 0 ? undefined : Array.from({ length }, (_, index) => index);
  }
  if (!shapes.every(isJsonObject)) return undefined;
  const keys = new Set([...present, unknown].flatMap((value) => (isJsonObject(value) ? [...value.keys()] : [])));
  return keys.size === 0 ? undefined : [...keys].sort();
}

function partOf(value: Json | undefined, step: Step): Json | undefined {
  if (isJsonList(value)) return typeof step === "number" ? value[step] : undefined;
  return isJsonObject(value) && typeof step === "string" ? value.get(step) : undefined;
}

/** Of a path as terraform writes it. */
const stepsOf = (path: readonly Json[]): readonly Step[] =>
  path.map((step) => (step instanceof JsonNumber ? Number(step.text) : String(step)));

const isMask = (value: Json | undefined): value is JsonObject => isJsonObject(value) && value.get("masked") === true;

/** Terraform's words for a value that is written and never read. */
const writeOnlyJson = JSON.stringify("(write-only attribute)");
const isWriteOnly = (value: MaskedValue): boolean => isMask(value) && value.get("writeOnly") === true;

const isChangedMask = (value: MaskedValue): boolean => isMask(value) && value.get("changed") === true;

const holdsMask = (value: MaskedValue): boolean => isMask(value) || itemsOf(value).some(holdsMask);

const holdsTrue = (value: Json | undefined): boolean => value === true || itemsOf(value).some(holdsTrue);

function itemsOf(value: Json | undefined): readonly Json[] {
  if (isJsonList(value)) return value;
  return isJsonObject(value) ? [...value.values()] : [];
}

/** JSON of a value; empty for none. A long one is a string that says how long it was. */
function jsonText(value: MaskedValue): string {
  if (value === undefined || value === null) return "";
  const text = writeJson(value);
  if (text.length <= maxCharacters) return text;
  const start = (typeof value === "string" ? value : text).slice(0, 256);
  return JSON.stringify(`${start}… (${text.length} characters)`);
}

const identifier = /^[A-Za-z_][\w-]*$/;

function pathText(path: readonly Step[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!identifier.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

const isPrefix = (start: readonly Step[], path: readonly Step[]): boolean =>
  start.length <= path.length && start.every((step, index) => step === path[index]);
