import { isJsonList, isJsonObject, type Json, JsonNumber } from "../json/json.ts";
import { HclMistake, type HclToken, scanHcl } from "./scan.ts";

/** One `name = value` of a variables file. */
export interface HclAssignment {
  readonly name: string;
  /** From 1. */
  readonly line: number;
  /** The value as it is written. */
  readonly expression: string;
  /** What a plain string says; undefined for every other expression. */
  readonly plain: string | undefined;
}

export type AssignmentsRead =
  | { readonly kind: "read"; readonly assignments: readonly HclAssignment[] }
  | { readonly kind: "malformed"; readonly line: number; readonly why: string };

const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const constants = new Set(["true", "false", "null"]);

/**
 * Why a text can be no value of a variable, as the end of a sentence; undefined when it looks like one. Brackets and
 * quotes are checked, and that nothing is called or referred to, which terraform refuses in variable values.
 */
export function whyNoHclValue(text: string): string | undefined {
  try {
    const tokens = scanHcl(text).filter(({ kind }) => kind !== "newline");
    if (tokens.length === 1) return "it is empty";
    checkExpression(tokens);
    return undefined;
  } catch (error) {
    if (error instanceof HclMistake)
      return text.includes("\n") ? `line ${lineOf(text, error.at)}: ${error.message}` : error.message;
    throw error;
  }
}

/** Reads a text of `name = value` lines, such as a `.tfvars` file. */
export function readHclAssignments(text: string): AssignmentsRead {
  try {
    return { kind: "read", assignments: assignmentsIn(text) };
  } catch (error) {
    if (error instanceof HclMistake) return { kind: "malformed", line: lineOf(text, error.at), why: error.message };
    throw error;
  }
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

function assignmentsIn(text: string): readonly HclAssignment[] {
  const tokens = scanHcl(text);
  const found = new Map<string, HclAssignment>();
  for (let index = 0; ; ) {
    const name = tokens[index];
    if (name === undefined || name.kind === "end") return [...found.values()];
    if (name.kind === "newline") {
      index += 1;
      continue;
    }
    if (name.kind !== "identifier" || tokens[index + 1]?.text !== "=") {
      throw new HclMistake("expected a line such as name = value", name.at);
    }
    const value = expressionFrom(tokens, index + 2);
    const [first] = value;
    const last = value.at(-1);
    if (first === undefined || last === undefined) throw new HclMistake(`${name.text} has no value`, name.at);
    const twin = found.get(name.text);
    if (twin !== undefined) throw new HclMistake(`${name.text} is set on line ${twin.line} too`, name.at);
    checkExpression(value);
    const expression = text.slice(first.at, last.at + last.text.length);
    const plain = value.length === 1 ? plainText(first) : undefined;
    found.set(name.text, { name: name.text, line: lineOf(text, name.at), expression, plain });
    index += 2 + value.length;
  }
}

/** The tokens of a value: up to the newline that no bracket surrounds. */
function expressionFrom(tokens: readonly HclToken[], from: number): readonly HclToken[] {
  let depth = 0;
  for (let index = from; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === undefined || token.kind === "end") return tokens.slice(from, index);
    if (token.kind === "newline" && depth === 0) return tokens.slice(from, index);
    if (token.kind !== "symbol") continue;
    if (token.text in closers) depth += 1;
    if (Object.values(closers).includes(token.text)) depth -= 1;
  }
  return tokens.slice(from);
}

/**
 * Throws `HclMistake` for brackets that do not match, and for words that terraform would not understand in a variable's
 * value.
 */
function checkExpression(tokens: readonly HclToken[]): void {
  const open: HclToken[] = [];
  const words = tokens.filter(({ kind }) => kind !== "newline");
  // What a `for` names may be referred to: terraform says what is wrong with it.
  const hasNames = words.some(({ kind, text }) => kind === "identifier" && text === "for");
  for (const [index, token] of words.entries()) {
    const isInBraces = open.at(-1)?.text === "{";
    if (token.kind === "identifier" && !hasNames) checkWord(token, words[index + 1]?.text, isInBraces);
    if (token.kind !== "symbol") continue;
    if (token.text === "=" && !isInBraces) throw new HclMistake("an = stands outside of braces", token.at);
    if (token.text in closers) open.push(token);
    else if (Object.values(closers).includes(token.text)) {
      const opened = open.pop();
      if (opened === undefined) throw new HclMistake(`${token.text} closes nothing`, token.at);
      const expected = closers[opened.text];
      if (expected !== token.text) throw new HclMistake(`${token.text} stands where ${expected} is expected`, token.at);
    }
  }
  const left = open.at(-1);
  if (left !== undefined) throw new HclMistake(`${left.text} is not closed`, left.at);
}

function checkWord({ text, at }: HclToken, next: string | undefined, isInBraces: boolean): void {
  if (next === "(") throw new HclMistake(`it calls ${text}(), and terraform calls no functions there`, at);
  if (constants.has(text) || (isInBraces && (next === "=" || next === ":"))) return;
  throw new HclMistake(`${text} refers to something, which values cannot: a string needs quotes`, at);
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** What a string without templates says; undefined for what is none, or has an escape that HCL does not know. */
export function plainText({ kind, text, isTemplate }: HclToken): string | undefined {
  if (kind !== "string" || isTemplate) return undefined;
  let isKnown = true;
  const plain = text
    .slice(1, -1)
    .replaceAll(
      /\$\$\{|%%\{|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\(.)/gsu,
      (found: string, short?: string, long?: string, letter?: string) => {
        const code = short ?? long;
        if (code !== undefined && Number.parseInt(code, 16) <= 0x10ffff)
          return String.fromCodePoint(Number.parseInt(code, 16));
        if (letter === undefined && code === undefined) return found.slice(1);
        const said = escapes[letter ?? ""];
        isKnown &&= said !== undefined;
        return said ?? found;
      },
    );
  return isKnown ? plain : undefined;
}

/** A JSON value as an HCL expression; strings are literal, whatever looks like a template in them. */
export function hclOf(value: Json): string {
  if (typeof value === "string") return quoted(value);
  if (value instanceof JsonNumber) return value.text;
  if (isJsonList(value)) return `[${value.map(hclOf).join(", ")}]`;
  if (!isJsonObject(value)) return String(value);
  const items = [...value].map(([key, item]) => `${quoted(key)} = ${hclOf(item)}`);
  return items.length === 0 ? "{}" : `{ ${items.join(", ")} }`;
}

/** A string as HCL writes it. */
export const quoted = (text: string): string => {
  const inner = JSON.stringify(text)
    .slice(1, -1)
    .replaceAll("\\b", "\\u0008")
    .replaceAll("\\f", "\\u000c")
    .replaceAll("${", () => "$${")
    .replaceAll("%{", () => "%%{");
  return `"${inner}"`;
};
