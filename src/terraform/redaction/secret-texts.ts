import { atOnce, inTurns, type Work } from "../../lib/async/work.ts";
import { HclMistake, type HclToken, scanHcl } from "../../lib/hcl/scan.ts";
import { plainText } from "../../lib/hcl/text.ts";
import { isJsonList, isJsonObject, type Json, JsonNumber, readJson } from "../../lib/json/json.ts";
import { exactNumber } from "../../lib/json/text.ts";
import { encryptionTexts } from "./encryption-secrets.ts";

/** A sensitive value, and whether it is an HCL expression. */
export interface SensitiveValue {
  readonly value: string;
  readonly isHcl: boolean;
}

/**
 * Texts found inside of values: each costs memory in many forms. What a value has beyond is not looked for apart from
 * the whole.
 */
const maxTexts = 10_000;
const maxCharacters = 128 * 1024;
/** JSON in a string of JSON, as some credentials are handed about. */
const maxNesting = 3;

/**
 * What must not be seen of sensitive values: each as it is, and every string and number inside of one that is
 * structured (an HCL list or map, a JSON document), since terraform and programs print these and not the whole. Keys
 * that are plain names are not secrets, nor is anything but the values of what TF_ENCRYPTION holds.
 */
export const secretTexts = (values: readonly SensitiveValue[]): readonly string[] => atOnce(collecting(values));

/** The same, in a piece of work after another: others get their turn between them. */
export const secretTextsInTurns = (values: readonly SensitiveValue[]): Promise<readonly string[]> =>
  inTurns(collecting(values));

function* collecting(values: readonly SensitiveValue[]): Work<readonly string[]> {
  const texts = new Texts();
  const others: SensitiveValue[] = [];
  for (const one of values) {
    const inside = encryptionTexts(one.value);
    for (const text of inside ?? [one.value]) texts.keep(text);
    if (inside === undefined) others.push(one);
    yield one.value.length;
  }
  // Terraform makes a number of a text where one is asked for.
  for (const { value } of others) texts.add(value);
  for (const { value, isHcl } of others) {
    if (isHcl) collectHcl(value, texts);
    yield value.length;
    collectJson(value, texts, maxNesting);
    yield value.length;
  }
  return texts.all;
}

class Texts {
  readonly #found = new Set<string>();
  #count = 0;
  #characters = 0;

  get all(): readonly string[] {
    return [...this.#found];
  }

  /** Keeps a whole value, whatever it costs. */
  keep(text: string): void {
    this.#found.add(text);
  }

  /** Adds what was found inside of one, a number in all its forms, unless that is too much by now. */
  add(text: string): void {
    for (const form of numberTexts(text.trim())) this.#add(form === text.trim() ? text : form);
  }

  #add(text: string): void {
    if (text === "" || this.#found.has(text)) return;
    this.#count += 1;
    this.#characters += text.length;
    if (this.#count <= maxTexts && this.#characters <= maxCharacters) this.#found.add(text);
  }
}

function collectHcl(text: string, texts: Texts): void {
  const tokens = tokensOf(text).filter(({ kind }) => kind !== "newline");
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1]?.text;
    const isKey = next === "=" || next === ":";
    for (const inner of textsOf(token)) if (!isKey || !isName(inner)) texts.add(inner);
  }
}

/** A value that is no HCL never reaches terraform: then it is only looked for as a whole. */
function tokensOf(text: string): readonly HclToken[] {
  try {
    return scanHcl(text);
  } catch (error) {
    if (error instanceof HclMistake) return [];
    throw error;
  }
}

/** What a token says: a string in clear, a number as it is written, the lines of a heredoc. */
function textsOf(token: HclToken): readonly string[] {
  switch (token.kind) {
    case "string":
      return [plainText(token) ?? token.text.slice(1, -1)];
    case "number":
      return [token.text];
    case "heredoc":
      return [token.text.split("\n").slice(1, -1).join("\n")];
    default:
      return [];
  }
}

/** Names of fields stand everywhere in a log. */
const isName = (text: string): boolean => /^[A-Za-z_][A-Za-z_.-]*\d{0,3}$/.test(text) && text.length <= 40;

function collectJson(text: string, texts: Texts, nesting: number): void {
  if (nesting === 0 || !/^\s*[{[]/.test(text)) return;
  try {
    collectValue(readJson(text), texts, nesting);
  } catch (error) {
    // One that is nested too deep to be read is looked for as a whole.
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
}

function collectValue(value: Json, texts: Texts, nesting: number): void {
  if (value instanceof JsonNumber) texts.add(value.text);
  else if (typeof value === "string") {
    texts.add(value);
    collectJson(value, texts, nesting - 1);
  } else if (isJsonList(value)) for (const item of value) collectValue(item, texts, nesting);
  else if (isJsonObject(value)) {
    for (const [key, item] of value) {
      if (!isName(key) && !/^\d+$/.test(key)) texts.add(key);
      collectValue(item, texts, nesting);
    }
  }
}

/** Longer numbers are looked for as they are written only. */
const maxDigits = 2_000;

/** A number as it is written, and as terraform prints it: 1e7 as 10000000, and 1e+07 where `format` is asked for %v. */
export function numberTexts(written: string): readonly string[] {
  const [, sign = "", digits = "", power = "0"] = /^(-?)(\d+)e(-?\d+)$/.exec(exactNumber(written) ?? "") ?? [];
  const shift = Number(power);
  if (digits === "" || digits.length + Math.abs(shift) > maxDigits) return [written];
  const printed = [inFull(digits, shift), ...inPowers(digits, shift)];
  return [...new Set([written, ...printed.map((form) => sign + form)])];
}

function inFull(digits: string, shift: number): string {
  if (shift >= 0) return digits + "0".repeat(shift);
  const whole = digits.length + shift;
  return whole > 0 ? `${digits.slice(0, whole)}.${digits.slice(whole)}` : `0.${"0".repeat(-whole)}${digits}`;
}

/** As Go's %g, which leaves numbers of moderate size in full. Source: big.Float.Text('g', -1). */
function inPowers(digits: string, shift: number): readonly string[] {
  const power = digits.length - 1 + shift;
  if (power >= -4 && power < 6) return [];
  const fraction = digits.length === 1 ? "" : `.${digits.slice(1)}`;
  return [`${digits[0]}${fraction}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`];
}
