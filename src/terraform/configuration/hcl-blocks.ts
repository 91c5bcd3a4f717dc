import { heredocEnd } from "../../lib/hcl/scan.ts";

/** An attribute, with its expression as it is written. */
export interface HclAttribute {
  readonly name: string;
  readonly expression: string;
}

/** One block of a configuration file; expressions are not looked at. */
export interface HclBlock {
  readonly type: string;
  readonly labels: readonly string[];
  readonly blocks: readonly HclBlock[];
  /** Names of the attributes in the body. */
  readonly attributes: readonly string[];
  readonly expressions: readonly HclAttribute[];
  /** Where it begins in the text, and where it has ended. */
  readonly at: number;
  readonly end: number;
}

type Token =
  | { readonly kind: "identifier" | "string"; readonly text: string }
  | { readonly kind: "newline" | "end" }
  | { readonly kind: "symbol"; readonly text: string };

const identifierPattern = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const heredocPattern = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)[ \t\r]*\n/uy;

/** The blocks of an HCL file, or undefined when it does not look like one (terraform will say what is wrong). */
export function readHclBlocks(text: string): readonly HclBlock[] | undefined {
  try {
    const reader = new Reader(text);
    return reader.body("end").blocks;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

class Unreadable extends Error {}

const opening = new Set(["(", "[", "{"]);
const closing = new Set([")", "]", "}"]);
const maxDepth = 200;
/** Blocks and attributes of a file that are looked at: each costs memory, and everybody waits meanwhile. */
const maxEntries = 50_000;

type Named =
  | { readonly kind: "block"; readonly block: HclBlock }
  | { readonly kind: "expression"; readonly text: string };

class Reader {
  readonly #text: string;
  #at: number;
  #depth = 0;
  #entries = 0;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith("\ufeff") ? 1 : 0;
  }

  body(until: "end" | "}"): Pick<HclBlock, "blocks" | "attributes" | "expressions"> {
    const blocks: HclBlock[] = [];
    const expressions: HclAttribute[] = [];
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new Unreadable();
    for (;;) {
      const token = this.#next();
      if (token.kind === "newline") continue;
      if (token.kind === until || (token.kind === "symbol" && token.text === until)) break;
      if (token.kind !== "identifier" || ++this.#entries > maxEntries) throw new Unreadable();
      const found = this.#afterName(token.text);
      if (found.kind === "expression") expressions.push({ name: token.text, expression: found.text });
      else blocks.push(found.block);
    }
    this.#depth -= 1;
    return { blocks, expressions, attributes: expressions.map(({ name }) => name) };
  }

  /** Reads what a name begins: a block, or an attribute. */
  #afterName(type: string): Named {
    const at = this.#at - type.length;
    const labels: string[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "identifier" || token.kind === "string") labels.push(token.text);
      else if (token.kind === "symbol" && token.text === "{") {
        const body = this.body("}");
        return { kind: "block", block: { type, labels, ...body, at, end: this.#at } };
      } else if (token.kind === "symbol" && token.text === "=" && labels.length === 0) {
        const from = this.#at;
        this.#skipExpression();
        return { kind: "expression", text: this.#text.slice(from, this.#at).trim() };
      } else throw new Unreadable();
    }
  }

  #skipExpression(): void {
    let depth = 0;
    for (;;) {
      const before = this.#at;
      const token = this.#next();
      if (token.kind === "end") return;
      if (token.kind === "newline" && depth === 0) return;
      if (token.kind !== "symbol") continue;
      if (opening.has(token.text)) depth += 1;
      else if (closing.has(token.text) && depth === 0) {
        this.#at = before;
        return;
      } else if (closing.has(token.text)) depth -= 1;
    }
  }

  #next(): Token {
    this.#skipBlanks();
    const text = this.#text;
    const char = text[this.#at];
    if (char === undefined) return { kind: "end" };
    if (char === "\n") {
      this.#at += 1;
      return { kind: "newline" };
    }
    if (char === '"') return { kind: "string", text: this.#string() };
    if (text.startsWith("<<", this.#at)) return this.#heredoc();
    identifierPattern.lastIndex = this.#at;
    const identifier = identifierPattern.exec(text)?.[0];
    this.#at += identifier?.length ?? 1;
    return identifier === undefined ? { kind: "symbol", text: char } : { kind: "identifier", text: identifier };
  }

  #skipBlanks(): void {
    const text = this.#text;
    for (;;) {
      const char = text[this.#at];
      if (char === " " || char === "\t" || char === "\r") this.#at += 1;
      else if (char === "#" || text.startsWith("//", this.#at)) this.#at = this.#find("\n", text.length);
      else if (text.startsWith("/*", this.#at)) {
        this.#at += 2;
        this.#at = this.#find("*/") + 2;
      } else return;
    }
  }

  #find(mark: string, otherwise?: number): number {
    const found = this.#text.indexOf(mark, this.#at);
    if (found >= 0) return found;
    if (otherwise === undefined) throw new Unreadable();
    return otherwise;
  }

  /** Reads a quoted string with its templates; the text is what stands between the quotes. */
  #string(): string {
    this.#at += 1;
    const start = this.#at;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n") throw new Unreadable();
      if (char === '"') break;
      if (this.#text.startsWith("$${", this.#at) || this.#text.startsWith("%%{", this.#at)) this.#at += 3;
      else if (this.#text.startsWith("${", this.#at) || this.#text.startsWith("%{", this.#at)) this.#template();
      else this.#at += char === "\\" ? 2 : 1;
    }
    this.#at += 1;
    return this.#text.slice(start, this.#at - 1);
  }

  #template(): void {
    this.#at += 2;
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new Unreadable();
    let depth = 1;
    while (depth > 0) {
      const token = this.#next();
      if (token.kind === "end") throw new Unreadable();
      if (token.kind !== "symbol") continue;
      if (token.text === "{") depth += 1;
      if (token.text === "}") depth -= 1;
    }
    this.#depth -= 1;
  }

  #heredoc(): Token {
    heredocPattern.lastIndex = this.#at;
    const start = heredocPattern.exec(this.#text);
    const mark = start?.[1];
    if (start === null || mark === undefined) throw new Unreadable();
    this.#at += start[0].length;
    while (this.#at < this.#text.length) {
      const end = this.#find("\n", this.#text.length);
      const line = this.#text.slice(this.#at, end);
      this.#at = end + 1;
      const closing = heredocEnd(line, mark);
      if (closing === "strange") throw new Unreadable();
      if (closing === "plain") return { kind: "newline" };
    }
    throw new Unreadable();
  }
}
