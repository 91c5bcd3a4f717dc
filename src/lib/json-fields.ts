import type { Json, JsonObject } from "./json.ts";

/** Objects of more keys, and those of a document of many shapes, are maps: shapes would cost more than they save. */
const maxShapeKeys = 32;
const maxShapes = 4_096;

/** A list of keys that objects of one document have in common: most have few keys, and the same as others. */
export class Shape {
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
export class JsonFields implements JsonObject {
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
