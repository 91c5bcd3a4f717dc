import { isJsonList, isJsonObject, type Json, JsonNumber } from "../../lib/json/json.ts";
import { sameJson } from "../../lib/json/text.ts";
import type { ShownChange } from "./mask.ts";

/** A resource of `resource_drift`, as `terraform show -json` prints it. */
interface Drifted {
  readonly address: string;
  readonly change: ShownChange;
}

/** An attribute that the plan depends on; an empty resource means that of any. */
export interface RelevantAttribute {
  readonly resource?: string | undefined;
  readonly attribute?: readonly Json[] | undefined;
}

/** What of a plan decides which drift terraform shows. */
export interface DriftContext {
  readonly relevant: readonly RelevantAttribute[];
  readonly isRefreshOnly: boolean;
  /** True when the plan changes neither a resource nor an output. */
  readonly isEmpty: boolean;
}

/**
 * The drift that terraform's human text shows: all of a refresh-only plan; else only what the plan depends on, without
 * what only moved, and nothing beside a plan without changes. Attributes that do not matter are as they were. Source:
 * terraform's jsonformat, which OpenTofu kept.
 */
export function shownDrift<T extends Drifted>(drift: readonly T[], context: DriftContext): readonly T[] {
  const { relevant, isRefreshOnly, isEmpty } = context;
  if (isRefreshOnly) return drift;
  if (isEmpty) return [];
  return drift.flatMap((one) => {
    const change = relevantChange(one.change, pathsOf(one, relevant));
    return change === undefined ? [] : [{ ...one, change }];
  });
}

/** The rest of each path that leads on from here; an empty one is everything below. */
type Paths = ReadonlyArray<readonly Json[]>;

const pathsOf = ({ address }: Drifted, relevant: readonly RelevantAttribute[]): Paths =>
  relevant
    .filter(({ resource = "" }) => resource === "" || resource === address)
    .map(({ attribute }) => attribute ?? []);

function relevantChange(change: ShownChange, paths: Paths): ShownChange | undefined {
  const { before = null, after = null, before_sensitive: marked = false, after_sensitive: marks = false } = change;
  if (paths.length === 0) return undefined;
  if (before === null || after === null) return sameJson(before, after) ? undefined : change;
  const value = relevantPart(before, after, paths);
  const sensitive = relevantPart(marked, marks, paths);
  if (isAlike(before, value) && sameJson(marked, sensitive)) return undefined;
  return { ...change, after: value, after_sensitive: sensitive };
}

/** `after` where a path leads, else `before`. */
function relevantPart(before: Json, after: Json, paths: Paths): Json {
  if (paths.length === 0) return before;
  if (paths.some((path) => path.length === 0)) return after;
  if (isJsonList(before) && isJsonList(after)) {
    return after.map((item, index) => relevantPart(before[index] ?? null, item, below(paths, index)));
  }
  if (!isJsonObject(before) || !isJsonObject(after)) return after;
  const parts = new Map<string, Json>();
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const inner = below(paths, name);
    const part =
      inner.length === 0 ? before.get(name) : relevantPart(before.get(name) ?? null, after.get(name) ?? null, inner);
    if (part !== undefined) parts.set(name, part);
  }
  return parts;
}

const below = (paths: Paths, step: string | number): Paths =>
  paths.filter(([first]) => first !== undefined && isStep(first, step)).map((path) => path.slice(1));

/** An index may stand in quotes. */
function isStep(first: Json, step: string | number): boolean {
  const text = first instanceof JsonNumber ? first.text : first;
  return text === String(step) && (typeof first === "string" || typeof step === "number");
}

/** Blocks do not tell an empty string from none. */
function isAlike(before: Json, after: Json): boolean {
  if (!isJsonObject(before) || !isJsonObject(after)) return sameJson(before, after);
  const names = [...before.keys(), ...after.keys()];
  return names.every((name) => sameJson(orNull(before.get(name)), orNull(after.get(name))));
}

const orNull = (value: Json | undefined): Json => (value === undefined || value === "" ? null : value);
