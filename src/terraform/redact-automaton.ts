interface Position {
  /** Index of the first byte to read. */
  readonly from: number;
  /** The state after all bytes before. */
  readonly state: number;
}

/**
 * Aho and Corasick's automaton over bytes: finds all of many patterns in one pass, in time linear in the text whatever text
 * and patterns are. A state is the longest beginning of any pattern that the text read so far ends with.
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
  #size = 1;

  constructor(patterns: readonly Uint8Array[]) {
    const capacity = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
    this.#bytes = new Uint8Array(capacity);
    this.#child = new Int32Array(capacity);
    this.#sibling = new Int32Array(capacity);
    this.#fail = new Int32Array(capacity);
    this.#depth = new Int32Array(capacity);
    this.#match = new Int32Array(capacity);
    for (const pattern of patterns) this.#add(pattern);
    this.#link();
  }

  /** How many bytes at the end of the text read so far may begin a pattern. */
  depth(state: number): number {
    return this.#depth[state] ?? 0;
  }

  /** Reads `text` on from a position and reports the end (exclusive) and length of the longest match at each place. */
  scan(text: Uint8Array, { from, state }: Position, onMatch: (end: number, length: number) => void): number {
    const first = this.#first;
    const match = this.#match;
    let at = state;
    for (let index = from; index < text.length; index += 1) {
      const byte = text[index] as number;
      if (at === 0) {
        at = first[byte] as number;
        continue;
      }
      at = this.#step(at, byte);
      const length = match[at] as number;
      if (length > 0) onMatch(index + 1, length);
    }
    return at;
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
    for (const byte of pattern) {
      const next = at === 0 ? (this.#first[byte] as number) : this.#childOf(at, byte);
      at = next === 0 ? this.#grow(at, byte) : next;
    }
    if (at !== 0) this.#match[at] = pattern.length;
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
