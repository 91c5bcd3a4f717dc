/** A number as it is written: as a float it would lose digits that terraform keeps. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object with its keys in the order in which they are written; `__proto__` is a key like any other. A map is one. */
export interface JsonObject extends Iterable<[string, Json]> {
  readonly size: number;
  get(key: string): Json | undefined;
  has(key: string): boolean;
  keys(): IterableIterator<string>;
  values(): IterableIterator<Json>;
}

/** A value of JSON that is as it was written: see `readJson`. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

/** What is wrong with a JSON text, and where. It quotes nothing of the text: that may be secret. */
export class JsonMistake extends SyntaxError {
  /** From 0, in characters. */
  readonly at: number;

  constructor(why: string, at: number) {
    super(`${why} at position ${at}`);
    this.name = "JsonMistake";
    this.at = at;
  }
}

export interface JsonReading {
  /** Else the last of several values of one key counts, as it does for terraform. */
  readonly refusesTwins?: boolean | undefined;
}

/**
 * Reads a JSON text: every number keeps its digits, every object its order. It takes what `JSON.parse` takes, and throws
 * `JsonMistake` for all else.
 */
export const readJson = (text: string, options: JsonReading = {}): Json => new Reader(text, options).read();

export const isJsonObject = (value: unknown): value is JsonObject =>
  value instanceof JsonFields || value instanceof Map;

export const isJsonList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openObject, closeObject, openList, closeList] = [0x7b, 0x7d, 0x5b, 0x5d];
/** Documents of millions of them fit into memory. */
const emptyObject: JsonObject = new Map();
const emptyList: readonly Json[] = [];
// biome-ignore lint/suspicious/noControlCharactersInRegex: in a string of JSON they are escaped
const plainCharacters = /[^"\\\0-\x1f]*/y;
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const words: ReadonlyMap<number, readonly [string, null | boolean]> = new Map([
  [0x6e, ["null", null]],
  [0x74, ["true", true]],
  [0x66, ["false", false]],
]);

/** A list or object whose end has not come yet. Its values lie on the reader's stack, but for those of large objects. */
interface Open {
  /** How it goes on: undefined is a list. */
  shape: Shape | undefined;
  large: Map<string, Json> | undefined;
  /** Where its values begin on the stack. */
  from: number;
  /** Where the next value belongs. */
  at: number;
  /** The key of the next value of a large object. */
  key: string;
}

class Reader {
  readonly #text: string;
  readonly #refusesTwins: boolean;
  readonly #shape = new Shape();
  /** Used again and again; those below the depth are open. */
  readonly #frames: Open[] = [];
  #depth = 0;
  readonly #values: Json[] = [];
  #at = 0;

  constructor(text: string, { refusesTwins = false }: JsonReading) {
    this.#text = text;
    this.#refusesTwins = refusesTwins;
  }

  /** Without recursion: a document may be nested deeper than the stack. */
  read(): Json {
    for (;;) {
      let value = this.#value();
      while (value !== undefined) {
        const open = this.#frames[this.#depth - 1];
        if (open === undefined) return this.#whole(value);
        value = this.#keep(open, value);
      }
    }
  }

  #whole(value: Json): Json {
    if (Number.isNaN(this.#next())) return value;
    throw this.#unexpected();
  }

  /** A value that is complete; undefined where a list or an object begins that is not empty. */
  #value(): Json | undefined {
    const code = this.#next();
    if (code === quote) return this.#string();
    if (code === openObject) return this.#beginObject();
    if (code === openList) return this.#beginList();
    const word = words.get(code);
    return word === undefined ? this.#number() : this.#word(...word);
  }

  #beginObject(): Json | undefined {
    this.#at += 1;
    if (this.#next() === closeObject) {
      this.#at += 1;
      return emptyObject;
    }
    this.#key(this.#begin(this.#shape));
    return undefined;
  }

  #beginList(): Json | undefined {
    this.#at += 1;
    if (this.#next() === closeList) {
      this.#at += 1;
      return emptyList;
    }
    this.#begin(undefined);
    return undefined;
  }

  #begin(shape: Shape | undefined): Open {
    const from = this.#values.length;
    let open = this.#frames[this.#depth];
    if (open === undefined) {
      open = { shape, large: undefined, from, at: from, key: "" };
      this.#frames.push(open);
    } else {
      open.shape = shape;
      open.large = undefined;
      open.from = from;
      open.at = from;
    }
    this.#depth += 1;
    return open;
  }

  /** Puts a value where it belongs. The list or object that ends with it; undefined if another value follows. */
  #keep(open: Open, value: Json): Json | undefined {
    if (open.large === undefined) this.#values[open.at] = value;
    else open.large.set(open.key, value);
    const isObject = open.shape !== undefined;
    const code = this.#next();
    if (code !== comma && code !== (isObject ? closeObject : closeList)) throw this.#unexpected();
    this.#at += 1;
    if (code !== comma) return this.#end(open);
    if (isObject) this.#key(open);
    else open.at += 1;
    return undefined;
  }

  #end({ shape, large, from }: Open): Json {
    this.#depth -= 1;
    if (large !== undefined) return large;
    const values = this.#values.slice(from);
    this.#values.length = from;
    return shape === undefined ? values : new JsonFields(shape, values);
  }

  /** Reads a key, and finds where its value belongs. */
  #key(open: Open): void {
    if (this.#next() !== quote) throw this.#unexpected();
    const likely = open.shape?.next;
    if (open.large === undefined && likely !== undefined && this.#text.startsWith(likely.written, this.#at)) {
      this.#at += likely.written.length;
      open.shape = likely;
      open.at = open.from + likely.size - 1;
    } else this.#otherKey(open);
    if (this.#next() !== colon) throw this.#unexpected();
    this.#at += 1;
  }

  #otherKey(open: Open): void {
    const { shape = this.#shape, large, from } = open;
    const start = this.#at;
    open.key = this.#string();
    const twin = large === undefined ? shape.keys.indexOf(open.key) : large.has(open.key) ? 0 : -1;
    if (twin >= 0 && this.#refusesTwins) throw new JsonMistake("a key that stands there twice", start);
    if (large !== undefined) return;
    const longer = twin >= 0 ? shape : shape.with(open.key);
    if (longer === undefined) this.#enlarge(open, shape);
    else {
      open.shape = longer;
      open.at = from + (twin >= 0 ? twin : shape.size);
    }
  }

  #enlarge(open: Open, shape: Shape): void {
    open.large = new Map(new JsonFields(shape, this.#values.slice(open.from)));
    this.#values.length = open.from;
  }

  /** The character after white space, which is not passed; NaN at the end. */
  #next(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.#at += 1;
    }
  }

  #string(): string {
    const from = this.#at;
    plainCharacters.lastIndex = from + 1;
    plainCharacters.test(this.#text);
    const end = plainCharacters.lastIndex;
    if (this.#text.charCodeAt(end) !== quote) return this.#escapedString(from, end);
    this.#at = end + 1;
    return this.#text.slice(from + 1, end);
  }

  /** One whose characters are plain up to a place. */
  #escapedString(from: number, to: number): string {
    for (let at = to; ; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === backslash) at += 1;
      else if (code === quote) {
        this.#at = at + 1;
        return this.#unescaped(from);
      } else if (!(code >= 0x20)) {
        this.#at = at;
        throw this.#unexpected();
      }
    }
  }

  #unescaped(from: number): string {
    try {
      return String(JSON.parse(this.#text.slice(from, this.#at)));
    } catch {
      throw new JsonMistake("an escape that JSON does not have", from);
    }
  }

  #number(): JsonNumber {
    numberPattern.lastIndex = this.#at;
    if (!numberPattern.test(this.#text)) throw this.#unexpected();
    const text = this.#text.slice(this.#at, numberPattern.lastIndex);
    this.#at = numberPattern.lastIndex;
    return new JsonNumber(text);
  }

  #word(text: string, value: null | boolean): null | boolean {
    if (!this.#text.startsWith(text, this.#at)) throw this.#unexpected();
    this.#at += text.length;
    return value;
  }

  #unexpected(): JsonMistake {
    const isEnd = this.#at >= this.#text.length;
    return new JsonMistake(isEnd ? "an end that comes too early" : "an unexpected character", this.#at);
  }
}

/** Objects of more keys, and those of a document of many shapes, are maps: shapes would cost more than they save. */
const maxShapeKeys = 32;
const maxShapes = 4_096;

/** A list of keys that objects of one document have in common: most have few keys, and the same as others. */
class Shape {
  readonly key: string;
  /** The key as most programs write it, with its quotes. */
  readonly written: string;
  readonly size: number;
  /** The shape that was made or found last of this one: documents repeat themselves. */
  next: Shape | undefined;
  readonly #before: Shape | undefined;
  readonly #made: { shapes: number };
  #longer: Map<string, Shape> | undefined;
  #keys: readonly string[] | undefined;

  constructor(key = "", before?: Shape) {
    this.key = key;
    this.written = JSON.stringify(key);
    this.size = before === undefined ? 0 : before.size + 1;
    this.#before = before;
    this.#made = before === undefined ? { shapes: 0 } : before.#made;
    this.#made.shapes += 1;
  }

  /** In the order in which they are written. */
  get keys(): readonly string[] {
    this.#keys ??= this.#before === undefined ? [] : [...this.#before.keys, this.key];
    return this.#keys;
  }

  /** The shape with one key more, which is not there yet; undefined if there shall be none. */
  with(key: string): Shape | undefined {
    const known = this.#longer?.get(key);
    if (known === undefined && (this.size >= maxShapeKeys || this.#made.shapes >= maxShapes)) return undefined;
    const longer = known ?? new Shape(key, this);
    this.#longer ??= new Map();
    this.#longer.set(key, longer);
    this.next = longer;
    return longer;
  }
}

/** An object whose keys are told by its shape. */
class JsonFields implements JsonObject {
  readonly #shape: Shape;
  readonly #values: readonly Json[];

  constructor(shape: Shape, values: readonly Json[]) {
    this.#shape = shape;
    this.#values = values;
  }

  get size(): number {
    return this.#values.length;
  }

  get(key: string): Json | undefined {
    const at = this.#shape.keys.indexOf(key);
    return at < 0 ? undefined : this.#values[at];
  }

  has(key: string): boolean {
    return this.#shape.keys.includes(key);
  }

  keys(): IterableIterator<string> {
    return this.#shape.keys.values();
  }

  values(): IterableIterator<Json> {
    return this.#values.values();
  }

  *[Symbol.iterator](): IterableIterator<[string, Json]> {
    for (const [at, key] of this.#shape.keys.entries()) yield [key, this.#values[at] ?? null];
  }
}
