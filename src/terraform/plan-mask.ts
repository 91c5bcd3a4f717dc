import { isDeepStrictEqual } from "node:util";
import type { Json } from "./events.ts";

/** Stands for a sensitive value; `changed` tells whether it differs on the other side of the change. */
export interface Masked {
  readonly masked: true;
  readonly changed?: true;
}

export type MaskedJson = Json | Masked | readonly MaskedJson[] | { readonly [name: string]: MaskedJson };

/** A change as `terraform show -json` prints it. Marks mirror a value's shape, with true where a whole subtree is sensitive. */
export interface ShownChange {
  readonly actions?: readonly string[];
  readonly before?: Json;
  readonly after?: Json;
  readonly after_unknown?: Json;
  readonly before_sensitive?: Json;
  readonly after_sensitive?: Json;
  readonly replace_paths?: Json;
  readonly importing?: { readonly id?: string };
}

/** The value with every secret masked; `other` is the other side of the change, compared before anything is hidden. */
export type Mask = (value: Json, marks: Json | undefined, other: Json | undefined) => MaskedJson;

/** Shorter strings stand in too many values by chance. */
const minCharacters = 6;

/**
 * A mask for the changes of one plan. It hides what terraform marks, and other strings that contain a marked one: a provider may
 * copy a secret into an attribute without its mark (`terraform_data` does, from `input` to `output`). `more` are secrets that
 * terraform may not know as such: sensitive variables of the workspace.
 */
export function createMask(changes: readonly ShownChange[], more: readonly string[] = []): Mask {
  const secrets = new Set(more.filter(({ length }) => length >= minCharacters));
  for (const change of changes) {
    collect(change.before ?? null, change.before_sensitive, secrets);
    collect(change.after ?? null, change.after_sensitive, secrets);
  }
  const known = [...secrets];
  const isSecret = (value: Json): boolean =>
    typeof value === "string" && known.some((secret) => value.includes(secret));
  const mask: Mask = (value, marks, other) => {
    if (value === null) return value;
    if (marks === true || isSecret(value))
      return isDeepStrictEqual(value, other) ? { masked: true } : { masked: true, changed: true };
    if (typeof value !== "object") return value;
    if (isArray(value)) return value.map((item, index) => mask(item, partOf(marks, index), partOf(other, index)));
    const parts = Object.entries(value).map(([name, item]) => [
      name,
      mask(item, partOf(marks, name), partOf(other, name)),
    ]);
    return Object.fromEntries(parts);
  };
  return mask;
}

/** Adds the strings inside every marked part. */
function collect(value: Json, marks: Json | undefined, into: Set<string>): void {
  if (marks === undefined || marks === false || value === null) return;
  if (typeof value === "string") {
    if (marks === true && value.length >= minCharacters) into.add(value);
  } else if (isArray(value)) {
    value.forEach((item, index) => {
      collect(item, marks === true || partOf(marks, index), into);
    });
  } else if (typeof value === "object") {
    for (const [name, item] of Object.entries(value)) collect(item, marks === true || partOf(marks, name), into);
  }
}

const isArray = (value: Json): value is readonly Json[] => Array.isArray(value);

function partOf(value: Json | undefined, key: string | number): Json | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isArray(value)) return typeof key === "number" ? value[key] : undefined;
  return Object.hasOwn(value, key) ? (value as { readonly [name: string]: Json })[key] : undefined;
}
