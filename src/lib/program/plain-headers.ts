type HeadersInit = ConstructorParameters<typeof Headers>[0];
type Visit = (value: string, name: string, headers: PlainHeaders) => void;

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const forbiddenPattern = /[\0\r\n]|[^\0-\xff]/;

/**
 * `Headers` as Node has it, without the client for the web that Node loads with its own: that takes as long as starting
 * Node. Names are in small letters and sorted, values of one name are joined, cookies that are set are not.
 */
export class PlainHeaders {
  readonly #values = new Map<string, string>();
  #setCookies: string[] = [];

  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (typeof init !== "object" || init === null) throw new TypeError("headers are made of an object or of pairs");
    const pairs: Iterable<readonly (string | undefined)[]> = Symbol.iterator in init ? init : Object.entries(init);
    for (const pair of pairs) {
      const [name, value] = pair;
      if (pair.length !== 2) throw new TypeError("a header is a name with a value");
      this.append(String(name), String(value));
    }
  }

  append(name: string, value: string): void {
    const [key, text] = [keyOf(name), textOf(value)];
    if (key === "set-cookie") {
      this.#setCookies.push(text);
      return;
    }
    const before = this.#values.get(key);
    this.#values.set(key, before === undefined ? text : `${before}${key === "cookie" ? "; " : ", "}${text}`);
  }

  set(name: string, value: string): void {
    const [key, text] = [keyOf(name), textOf(value)];
    if (key === "set-cookie") this.#setCookies = [text];
    else this.#values.set(key, text);
  }

  get(name: string): string | null {
    const key = keyOf(name);
    if (key !== "set-cookie") return this.#values.get(key) ?? null;
    return this.#setCookies.length === 0 ? null : this.#setCookies.join(", ");
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  delete(name: string): void {
    const key = keyOf(name);
    if (key === "set-cookie") this.#setCookies = [];
    else this.#values.delete(key);
  }

  getSetCookie(): string[] {
    return [...this.#setCookies];
  }

  forEach(visit: Visit, self?: unknown): void {
    for (const [name, value] of this) visit.call(self, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    const cookies = this.#setCookies.map((value): [string, string] => ["set-cookie", value]);
    yield* [...this.#values, ...cookies].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }
}

function keyOf(name: string): string {
  const text = String(name);
  if (!tokenPattern.test(text)) throw new TypeError(`${JSON.stringify(text)} is no name of a header`);
  return text.toLowerCase();
}

function textOf(value: string): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (forbiddenPattern.test(text)) throw new TypeError("a value of a header has a character that none may have");
  return text;
}

/** From now on `new Headers()` makes these. To define the property would load Node's own; to set it does not. */
export function usePlainHeaders(): void {
  Object.assign(globalThis, { Headers: PlainHeaders });
}
