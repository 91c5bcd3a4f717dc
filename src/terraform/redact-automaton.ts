const space = 0x20;

const isSpace = (byte: number): boolean => byte === space || (byte >= 0x09 && byte <= 0x0d);

/** The states nearest to the root, in which nearly every byte of a log is read, remember where each byte leads. */
const maxRows = 1024;

/** How far a text has been read. */
interface Progress {
  /** Index of the first byte to read. */
  readonly from: number;
  /** Position of the text's first byte in the whole input. */
  readonly base: number;
}

/**
 * Aho and Corasick's automaton over bytes: finds all of many patterns in one pass, in time linear in the text whatever text
 * and patterns are. A state is the longest beginning of any pattern that the text read so far ends with. Any run of white
 * space is one space to it, in patterns and in texts, because terraform wraps lines at their spaces. A pattern neither
 * begins nor ends with white space.
 */
export class Automaton {
  /** Per state: the byte that leads to it, its first child, its next sibling, where to go on after a mismatch. */
  readonly #bytes: Uint8Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #fail: Int32Array;
  readonly #depth: Int32Array;
  /** Per state: length of the longest pattern that ends here, or 0. */
  readonly #match: Int32Array;
  /** The root's children by byte. */
  readonly #first = new Int32Array(256);
  /** Per state: its row among the remembered steps, from 1, or 0. */
  readonly #row: Int32Array;
  /** Per row and byte: the next state plus 1, or 0 while it is not known. */
  readonly #steps: Int32Array;
  #size = 1;
  #state = 0;
  /** Where the bytes that the state stands for lie in the whole input, runs of white space as one: a ring. */
  readonly #places: Float64Array;
  readonly #mask: number;
  #placed = 0;

  constructor(patterns: readonly Uint8Array[]) {
    const capacity = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
    this.#bytes = new Uint8Array(capacity);
    this.#child = new Int32Array(capacity);
    this.#sibling = new Int32Array(capacity);
    this.#fail = new Int32Array(capacity);
    this.#depth = new Int32Array(capacity);
    this.#match = new Int32Array(capacity);
    this.#row = new Int32Array(capacity);
    for (const pattern of patterns) this.#add(pattern);
    this.#link();
    this.#steps = new Int32Array(256 * Math.min(this.#size, maxRows));
    const longest = patterns.reduce((most, pattern) => Math.max(most, pattern.length), 1);
    this.#places = new Float64Array(2 ** Math.ceil(Math.log2(longest + 1)));
    this.#mask = this.#places.length - 1;
  }

  /** Position in the whole input from which on the text read so far may begin a pattern; undefined when nothing may. */
  get begun(): number | undefined {
    return this.#state === 0 ? undefined : this.#placeOf(this.#depth[this.#state] as number);
  }

  /** Begins another input. */
  reset(): void {
    this.#state = 0;
  }

  /** Reads `text` on, and reports the place (end exclusive, in the whole input) of the longest match at each byte. */
  scan(text: Uint8Array, { from, base }: Progress, onMatch: (from: number, to: number) => void): void {
    const first = this.#first;
    const match = this.#match;
    let at = this.#state;
    for (let index = from; index < text.length; index += 1) {
      let byte = text[index] as number;
      if (at === 0) {
        at = first[byte] as number;
        if (at !== 0) this.#place(base + index);
        continue;
      }
      if (isSpace(byte)) {
        if (this.#bytes[at] === space) continue;
        byte = space;
      }
      at = this.#next(at, byte);
      this.#place(base + index);
      const length = match[at] as number;
      if (length > 0) onMatch(this.#placeOf(length), base + index + 1);
    }
    this.#state = at;
  }

  #place(position: number): void {
    this.#places[this.#placed & this.#mask] = position;
    this.#placed = (this.#placed + 1) | 0;
  }

  /** Where the last `length` bytes begin. */
  #placeOf(length: number): number {
    return this.#places[(this.#placed - length) & this.#mask] as number;
  }

  /** As `#step`, remembered where it is worth it. */
  #next(state: number, byte: number): number {
    const row = this.#row[state] as number;
    if (row === 0) return this.#step(state, byte);
    const cell = (row - 1) * 256 + byte;
    const known = this.#steps[cell] as number;
    if (known !== 0) return known - 1;
    const next = this.#step(state, byte);
    this.#steps[cell] = next + 1;
    return next;
  }

  #step(state: number, byte: number): number {
    let at = state;
    while (at !== 0) {
      const next = this.#childOf(at, byte);
      if (next !== 0) return next;
      at = this.#fail[at] as number;
    }
    return this.#first[byte] as number;
  }

  #childOf(state: number, byte: number): number {
    let next = this.#child[state] as number;
    while (next !== 0 && this.#bytes[next] !== byte) next = this.#sibling[next] as number;
    return next;
  }

  #add(pattern: Uint8Array): void {
    let at = 0;
    for (const raw of pattern) {
      const byte = isSpace(raw) ? space : raw;
      if (byte === space && this.#bytes[at] === space) continue;
      const next = at === 0 ? (this.#first[byte] as number) : this.#childOf(at, byte);
      at = next === 0 ? this.#grow(at, byte) : next;
    }
    this.#match[at] = this.#depth[at] as number;
  }

  #grow(parent: number, byte: number): number {
    const state = this.#size;
    this.#size += 1;
    this.#bytes[state] = byte;
    this.#depth[state] = (this.#depth[parent] as number) + 1;
    this.#sibling[state] = this.#child[parent] as number;
    this.#child[parent] = state;
    if (parent === 0) this.#first[byte] = state;
    return state;
  }

  /** Breadth first: every state learns where to go on after a mismatch, and the matches that end inside its own. */
  #link(): void {
    const queue = new Int32Array(this.#size);
    let end = 1;
    for (let start = 0; start < end; start += 1) {
      const state = queue[start] as number;
      if (start < maxRows) this.#row[state] = start + 1;
      for (let next = this.#child[state] as number; next !== 0; next = this.#sibling[next] as number) {
        const fallback = state === 0 ? 0 : this.#step(this.#fail[state] as number, this.#bytes[next] as number);
        this.#fail[next] = fallback;
        if (this.#match[next] === 0) this.#match[next] = this.#match[fallback] as number;
        queue[end] = next;
        end += 1;
      }
    }
  }
}
