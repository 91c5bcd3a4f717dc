import { HclMistake, type HclToken, scanHcl } from "../../../lib/hcl/scan.ts";

/** A value of a CLI configuration. Nothing is evaluated in its strings: `${…}` stands for itself. */
export type CliValue = string | number | boolean | readonly CliValue[] | { readonly [name: string]: CliValue };

/** One `name = value` or `name "label" { … }`; lines count from 1. */
export type CliItem =
  | { readonly kind: "attribute"; readonly name: string; readonly value: CliValue; readonly line: number }
  | {
      readonly kind: "block";
      readonly name: string;
      readonly labels: readonly string[];
      readonly items: readonly CliItem[];
      readonly line: number;
    };

export type CliRead =
  | { readonly kind: "read"; readonly items: readonly CliItem[] }
  | { readonly kind: "malformed"; readonly line: number; readonly why: string };

/** Reads a CLI configuration. Its language is the first HCL: names may be quoted, and commas end items as newlines do. */
export function readCliSyntax(text: string): CliRead {
  try {
    if (/^\ufeff?\s*\{/.test(text)) throw new HclMistake("it is JSON: write it as name = value and name { … }", 0);
    return { kind: "read", items: new Reader(text).items("end", 0) };
  } catch (error) {
    if (!(error instanceof HclMistake)) throw error;
    return { kind: "malformed", line: lineOf(text, error.at), why: error.message };
  }
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;
const maxDepth = 50;

class Reader {
  readonly #text: string;
  readonly #tokens: readonly HclToken[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = scanHcl(text);
  }

  items(until: "end" | "}", depth: number): readonly CliItem[] {
    const items: CliItem[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "newline" || token.text === ",") continue;
      if (token.kind === until || (token.kind === "symbol" && token.text === until)) return items;
      if (depth > maxDepth) throw new HclMistake("blocks are nested too deep", token.at);
      items.push(this.#item(token, depth));
    }
  }

  #item(token: HclToken, depth: number): CliItem {
    const name = wordOf(token);
    if (name === undefined) throw new HclMistake(`expected name = value or name { … }, got ${shown(token)}`, token.at);
    const line = lineOf(this.#text, token.at);
    const labels: string[] = [];
    for (;;) {
      const next = this.#next();
      if (next.text === "=" && labels.length === 0) {
        return { kind: "attribute", name, line, value: this.#value(this.#next(), depth + 1) };
      }
      if (next.text === "{") return { kind: "block", name, labels, line, items: this.items("}", depth + 1) };
      const label = wordOf(next);
      if (label === undefined) throw new HclMistake(`expected = or { after ${name}, got ${shown(next)}`, next.at);
      labels.push(label);
    }
  }

  #value(token: HclToken, depth: number): CliValue {
    if (depth > maxDepth) throw new HclMistake("values are nested too deep", token.at);
    if (token.kind === "string") return textOf(token);
    if (token.kind === "number") return Number(token.text);
    if (token.text === "true" || token.text === "false") return token.text === "true";
    if (token.text === "[") return this.#list(depth);
    if (token.text === "{") return this.#object(depth);
    throw new HclMistake(
      `expected a quoted string, a number, true, false, [ … ] or { … }, got ${shown(token)}`,
      token.at,
    );
  }

  #list(depth: number): readonly CliValue[] {
    const values: CliValue[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "newline" || token.text === ",") continue;
      if (token.text === "]") return values;
      values.push(this.#value(token, depth + 1));
    }
  }

  #object(depth: number): CliValue {
    const entries = this.items("}", depth).map((item): [string, CliValue] => {
      if (item.kind === "attribute") return [item.name, item.value];
      throw new HclMistake(`expected = after ${item.name}`, this.#tokens[this.#at - 1]?.at ?? 0);
    });
    return Object.fromEntries(entries);
  }

  #next(): HclToken {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new HclMistake("a { or [ is not closed", this.#text.length);
    this.#at += 1;
    return token;
  }
}

const shown = ({ kind, text }: HclToken): string =>
  kind === "end"
    ? "the end"
    : kind === "newline"
      ? "the end of the line"
      : (text.split("\n", 1)[0]?.slice(0, 40) ?? "");

const wordOf = (token: HclToken): string | undefined =>
  token.kind === "identifier" ? token.text : token.kind === "string" ? textOf(token) : undefined;

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** What a string says. What stands in a template is not unescaped. */
function textOf({ text, at }: HclToken): string {
  return text
    .slice(1, -1)
    .replaceAll(
      /\$\{[^}]*\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\(.)/gsu,
      (found: string, short?: string, long?: string, letter?: string) => {
        if (found.startsWith("$")) return found;
        const code = Number.parseInt(short ?? long ?? "", 16);
        const said =
          letter === undefined ? (code <= 0x10ffff ? String.fromCodePoint(code) : undefined) : escapes[letter];
        if (said === undefined) throw new HclMistake(`a string has the unknown escape ${found}`, at);
        return said;
      },
    );
}

/** The text of items, as terraform and tofu read it. */
export const renderCliItems = (items: readonly CliItem[], indent = ""): string =>
  items.map((item) => renderItem(item, indent)).join("");

function renderItem(item: CliItem, indent: string): string {
  if (item.kind === "attribute") return `${indent}${renderName(item.name)} = ${renderCliValue(item.value)}\n`;
  const labels = item.labels.map((label) => ` ${cliQuoted(label)}`).join("");
  return `${indent}${renderName(item.name)}${labels} {\n${renderCliItems(item.items, `${indent}  `)}${indent}}\n`;
}

const renderName = (name: string): string => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : cliQuoted(name));

function renderCliValue(value: CliValue): string {
  if (typeof value === "string") return cliQuoted(value);
  if (isList(value)) return `[${value.map(renderCliValue).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).map(([name, one]) => `${cliQuoted(name)} = ${renderCliValue(one)}`);
  return `{ ${entries.join(", ")} }`;
}

const isList = (value: CliValue): value is readonly CliValue[] => Array.isArray(value);

/** A string as the first HCL writes it: `${` would begin a template, and `$${` would be three characters. */
export const cliQuoted = (text: string): string => JSON.stringify(text).replaceAll("${", () => "\\u0024{");
