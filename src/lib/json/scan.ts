import { setImmediate as otherWork } from "node:timers/promises";

/** Deeper than Go reads: terraform refuses such a document, too. Source: maxNestingDepth of encoding/json. */
export const maxJsonDepth = 10_000;

/** A string, number, true, false or null of a document. */
export interface JsonScalar {
  /** The keys that lead to it, as they read; "" for an item of a list. */
  readonly path: readonly string[];
  /** As it reads; a number as it is written. */
  readonly text: string;
  readonly isString: boolean;
}

export interface JsonScanOptions {
  /** Scalars with at most so many keys on their path are told: what lies deeper is only checked. */
  readonly depth: number;
  /** One that is longer is told cut off. */
  readonly maxText?: number | undefined;
  readonly onScalar: (scalar: JsonScalar) => void;
}

type Expected = "value" | "value-or-end" | "key" | "key-or-end" | "colon" | "comma-or-end" | "nothing";

/** What the scanner stands in the middle of. */
type Token = "none" | "string" | "escape" | "word";

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openObject, closeObject, openList, closeList] = [0x7b, 0x7d, 0x5b, 0x5d];
const word = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const escapes = /^(?:[^\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*$/s;
/** No number that terraform writes is longer, and no escape is. */
const maxWord = 4096;

/**
 * Checks a JSON document piece by piece without building it, and tells the scalars near its root: its memory is bounded
 * whatever the document is. It holds neither names nor values beyond `depth`.
 */
export class JsonScanner {
  readonly #options: JsonScanOptions;
  readonly #maxText: number;
  /** One entry for each open object (1) or list (0). */
  readonly #open = new Uint8Array(maxJsonDepth);
  readonly #path: string[] = [];
  #depth = 0;
  #expected: Expected = "value";
  #token: Token = "none";
  #isKey = false;
  #text: Buffer[] = [];
  #textBytes = 0;
  #isRefused = false;
  /** Digits of a \u escape that are still to come. */
  #hexLeft = 0;
  #isEmpty = true;
  #values = 0;

  constructor(options: JsonScanOptions) {
    this.#options = options;
    this.#maxText = options.maxText ?? maxWord;
  }

  /** False until something but white space has come. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** How many values have ended so far: each costs memory once the document is built, however short it is. */
  get values(): number {
    return this.#values;
  }

  /** True once it is clear that this is no JSON that anybody reads. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** True when it was given up because of its depth. */
  get isTooDeep(): boolean {
    return this.#depth >= maxJsonDepth;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.#isRefused) {
      if (this.#token === "none") at = this.#structure(bytes, at);
      else if (this.#token === "word") at = this.#inWord(bytes, at);
      else at = this.#inString(bytes, at);
    }
  }

  /** The end has come; false when it was no whole document. */
  finish(): boolean {
    if (this.#token === "word") this.#endWord();
    return !this.#isRefused && this.#expected === "nothing" && this.#token === "none";
  }

  #structure(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
      this.#isEmpty = false;
      if (byte === quote) {
        this.#beginString();
        return at + 1;
      }
      if (byte === comma) this.#comma();
      else if (byte === colon) this.#colon();
      else if (byte === openObject || byte === openList) this.#begin(byte === openObject);
      else if (byte === closeObject || byte === closeList) this.#end(byte === closeObject);
      else {
        this.#beginWord();
        return at;
      }
      if (this.#isRefused) return at;
    }
    return bytes.length;
  }

  #comma(): void {
    if (this.#expected !== "comma-or-end") this.#refuse();
    else this.#expected = this.#open[this.#depth - 1] === 1 ? "key" : "value";
  }

  #colon(): void {
    if (this.#expected !== "colon") this.#refuse();
    else this.#expected = "value";
  }

  #begin(isObject: boolean): void {
    if (!this.#takesValue || this.#depth >= maxJsonDepth) {
      this.#refuse();
      return;
    }
    this.#open[this.#depth] = isObject ? 1 : 0;
    this.#depth += 1;
    if (this.#depth <= this.#options.depth) this.#path.push("");
    this.#expected = isObject ? "key-or-end" : "value-or-end";
  }

  #end(isObject: boolean): void {
    const expected = isObject ? "key-or-end" : "value-or-end";
    const isOpen = this.#depth > 0 && (this.#open[this.#depth - 1] === 1) === isObject;
    if (!isOpen || (this.#expected !== expected && this.#expected !== "comma-or-end")) {
      this.#refuse();
      return;
    }
    if (this.#depth <= this.#options.depth) this.#path.pop();
    this.#depth -= 1;
    this.#valueOver();
  }

  get #takesValue(): boolean {
    return this.#expected === "value" || this.#expected === "value-or-end";
  }

  #valueOver(): void {
    this.#values += 1;
    this.#expected = this.#depth === 0 ? "nothing" : "comma-or-end";
  }

  #refuse(): void {
    this.#isRefused = true;
  }

  #beginString(): void {
    this.#isKey = this.#expected === "key" || this.#expected === "key-or-end";
    if (!this.#isKey && !this.#takesValue) this.#refuse();
    else this.#token = "string";
  }

  #inString(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && !this.#isRefused) {
      if (this.#token === "escape") this.#escaped(bytes[at] ?? 0);
      else {
        at = endOfPlain(bytes, at);
        if (bytes[at] === quote) {
          this.#keep(bytes.subarray(from, at));
          this.#endString();
          return at + 1;
        }
        if (bytes[at] === backslash) this.#token = "escape";
        else if (at < bytes.length) this.#refuse();
      }
      at += 1;
    }
    this.#keep(bytes.subarray(from, Math.min(at, bytes.length)));
    return at;
  }

  #escaped(byte: number): void {
    if (this.#hexLeft > 0) {
      if (!isHex(byte)) {
        this.#refuse();
        return;
      }
      this.#hexLeft -= 1;
    } else if (byte === 0x75) this.#hexLeft = 4;
    else if (!simpleEscapes.has(byte)) {
      this.#refuse();
      return;
    }
    if (this.#hexLeft === 0) this.#token = "string";
  }

  #endString(): void {
    this.#token = "none";
    const written = this.#take();
    if (this.#isKey) {
      this.#expected = "colon";
      if (this.#depth <= this.#options.depth) this.#path[this.#depth - 1] = readString(written);
      return;
    }
    if (this.#isTold) this.#options.onScalar({ path: this.#path, text: readString(written), isString: true });
    this.#valueOver();
  }

  #beginWord(): void {
    if (!this.#takesValue) this.#refuse();
    else this.#token = "word";
  }

  #inWord(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && isOfWord(bytes[at] ?? 0)) at += 1;
    this.#text.push(Buffer.from(bytes.subarray(from, at)));
    this.#textBytes += at - from;
    if (this.#textBytes > maxWord) this.#refuse();
    else if (at < bytes.length) this.#endWord();
    return at;
  }

  #endWord(): void {
    this.#token = "none";
    const text = this.#take();
    if (!word.test(text)) {
      this.#refuse();
      return;
    }
    if (this.#isTold) this.#options.onScalar({ path: this.#path, text, isString: false });
    this.#valueOver();
  }

  get #isTold(): boolean {
    return this.#depth <= this.#options.depth;
  }

  /** Keeps a piece of a string that will be told, up to the bound. */
  #keep(piece: Buffer): void {
    const room = this.#maxText - this.#textBytes;
    if (this.#depth > this.#options.depth || room <= 0 || piece.length === 0) return;
    this.#text.push(Buffer.from(piece.subarray(0, room)));
    this.#textBytes += Math.min(piece.length, room);
  }

  #take(): string {
    const [only, ...more] = this.#text;
    const text = only === undefined ? "" : more.length === 0 ? only : Buffer.concat(this.#text);
    this.#text = [];
    this.#textBytes = 0;
    return text.toString("utf8");
  }
}

const simpleEscapes = new Set(Buffer.from('"\\/bfnrt'));
const isHex = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);

/** Where characters end that stand for themselves in a string. */
function endOfPlain(bytes: Buffer, from: number): number {
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === quote || byte === backslash || byte < 0x20) break;
  }
  return at;
}

/** Letters, digits and what numbers are made of: everything else ends a word. */
const isOfWord = (byte: number): boolean =>
  byte > 0x20 && byte !== comma && byte !== closeObject && byte !== closeList && byte !== colon && byte !== quote;

/** A string as it reads; one that was cut off amid an escape stays as it is written. */
function readString(written: string): string {
  if (!written.includes("\\") || !escapes.test(written)) return written;
  return String(JSON.parse(`"${written}"`));
}

/** So much is scanned at a time: everything else goes on in between. */
export const pieceBytes = 256 * 1024;

/** Scans bytes in memory without holding up anybody; false when they are no whole document. */
export async function scanJson(content: Buffer, scanner: JsonScanner): Promise<boolean> {
  for (let at = 0; at < content.length && !scanner.isRefused; at += pieceBytes) {
    scanner.push(content.subarray(at, at + pieceBytes));
    await otherWork();
  }
  return scanner.finish();
}
