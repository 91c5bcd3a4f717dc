import { isJsonList, isJsonObject, type Json, JsonNumber, type JsonObject } from "../../lib/json/json.ts";
import { exactNumber, sameJson } from "../../lib/json/text.ts";
import { createTextRedactor, sensitiveMark } from "../redaction/redact.ts";
import { minCharacters } from "../redaction/redact-patterns.ts";
import { numberTexts } from "../redaction/secret-texts.ts";

/** Stands for a sensitive value; `changed` tells whether it differs on the other side of the change. */
export interface Masked {
  readonly masked: true;
  readonly changed?: true | undefined;
  /** It is never read back, so nothing can be told of it. */
  readonly writeOnly?: true | undefined;
}

export type MaskedJson = Json | Masked | readonly MaskedJson[] | ReadonlyMap<string, MaskedJson>;

/**
 * A change as `terraform show -json` prints it. Marks mirror a value's shape, with true where a whole subtree is
 * sensitive.
 */
export interface ShownChange {
  readonly actions?: readonly string[] | undefined;
  readonly before?: Json | undefined;
  readonly after?: Json | undefined;
  readonly after_unknown?: Json | undefined;
  readonly before_sensitive?: Json | undefined;
  readonly after_sensitive?: Json | undefined;
  readonly replace_paths?: Json | undefined;
  readonly importing?: { readonly id: string } | undefined;
}

/** The value with every secret masked; `other` is the other side of the change, compared before anything is hidden. */
export type Mask = (value: Json, marks: Json | undefined, other: Json | undefined) => MaskedJson;

/** What hides the secrets of one plan. */
export interface PlanMask {
  readonly value: Mask;
  /** Keys and strings of a value that shows only its shape, such as the marks of what is unknown. */
  readonly shape: (value: Json) => Json;
  /** A text that stands for itself, such as an import id. */
  readonly text: (text: string) => string;
  /** An address or name of the configuration; what terraform alone knows as secret is hidden in its index keys only. */
  readonly address: (text: string) => string;
}

/** Marked values of more characters in all are looked for as they are, without their encoded forms, which cost memory. */
const maxEncodedCharacters = 128 * 1024;

/**
 * A mask for one plan. It hides what terraform marks, and every other string, key and number that holds a marked one in
 * any form that the log hides too: a provider may copy a secret into an attribute without its mark (`terraform_data`
 * does, from `input` to `output`). `more` are secrets that terraform may not know as such: sensitive variables of the
 * workspace.
 */
export function createMask(changes: readonly ShownChange[], more: readonly string[] = []): PlanMask {
  const marked = new Set<string>();
  for (const change of changes) {
    collect(change.before ?? null, change.before_sensitive, marked);
    collect(change.after ?? null, change.after_sensitive, marked);
  }
  const redactName = createTextRedactor(more);
  const text = marked.size === 0 ? redactName : textMask(more, [...marked]);
  const numbers = new Set([...more, ...marked].filter(isTelling).map(exactNumber));
  const isSecret = (value: Json): boolean => {
    if (typeof value === "string") return text(value) !== value;
    return value instanceof JsonNumber && (numbers.has(exactNumber(value.text)) || text(value.text) !== value.text);
  };
  return {
    value: valueMask(isSecret, text),
    shape: shapeMask(text),
    text,
    address: (address) => redactName(address.replaceAll(quotedPattern, (key) => text(key))),
  };
}

/** A text in quotes. One that is not closed goes on to the end: else the search would begin anew at each of its quotes. */
export const quotedPattern = /"(?:[^"\\]|\\(?:.|$))*(?:"|$)/gs;

const isTelling = (secret: string): boolean =>
  secret.trim().length >= minCharacters && exactNumber(secret) !== undefined;

function textMask(more: readonly string[], marked: readonly string[]): (text: string) => string {
  let left = maxEncodedCharacters;
  const isLong = (secret: string): boolean => {
    left -= secret.length;
    return left < 0;
  };
  const long = marked.filter(isLong);
  const rest = new Set(long);
  const redact = createTextRedactor([...more, ...marked.filter((secret) => !rest.has(secret))]);
  return (text) => (long.some((secret) => text.includes(secret)) ? sensitiveMark : redact(text));
}

function valueMask(isSecret: (value: Json) => boolean, text: (text: string) => string): Mask {
  const mask: Mask = (value, marks, other) => {
    if (value === null) return value;
    if (marks === true || isSecret(value))
      return sameJson(value, other) ? { masked: true } : { masked: true, changed: true };
    if (isJsonList(value)) return value.map((item, index) => mask(item, partOf(marks, index), partOf(other, index)));
    if (!isJsonObject(value)) return value;
    return withKeys(value, text, (name, item) => mask(item, partOf(marks, name), partOf(other, name)));
  };
  return mask;
}

function shapeMask(text: (text: string) => string): (value: Json) => Json {
  const shape = (value: Json): Json => {
    if (typeof value === "string") return text(value);
    if (isJsonList(value)) return value.map(shape);
    return isJsonObject(value) ? withKeys(value, text, (_name, item) => shape(item)) : value;
  };
  return shape;
}

/** Keys that are alike once their secrets are hidden are numbered, so that nothing is lost. */
function withKeys<T>(
  value: JsonObject,
  text: (text: string) => string,
  make: (name: string, item: Json) => T,
): ReadonlyMap<string, T> {
  const made = new Map<string, T>();
  for (const [name, item] of value) {
    const shown = text(name);
    let key = shown;
    for (let count = 2; made.has(key); count += 1) key = `${shown} ${count}`;
    made.set(key, make(name, item));
  }
  return made;
}

/** Adds the strings and numbers inside every marked part. */
function collect(value: Json, marks: Json | undefined, into: Set<string>): void {
  if (marks === undefined || marks === false) return;
  if (isJsonList(value)) {
    value.forEach((item, index) => {
      collect(item, marks === true || partOf(marks, index), into);
    });
  } else if (isJsonObject(value)) {
    for (const [name, item] of value) collect(item, marks === true || partOf(marks, name), into);
  } else if (marks === true) {
    for (const text of textsOf(value)) if (text.length >= minCharacters) into.add(text);
  }
}

function textsOf(value: Json): readonly string[] {
  if (value instanceof JsonNumber) return numberTexts(value.text);
  return typeof value === "string" ? [value] : [];
}

function partOf(value: Json | undefined, key: string | number): Json | undefined {
  if (isJsonList(value)) return typeof key === "number" ? value[key] : undefined;
  return isJsonObject(value) && typeof key === "string" ? value.get(key) : undefined;
}
