import type { Work } from "../../lib/async/work.ts";

const space = 0x20;

const isSpace = (byte: number): boolean => byte === space || (byte >= 0x09 && byte <= 0x0d);

const escapeByte = 0x1b;
const bracket = 0x5b;
/** A sequence of terminal codes that is longer is none. */
const maxEscape = 32;
/** Bytes that are passed over within a secret, beside its own length: more would only fill the memory. */
const maxBetween = 4096;

/** Colours and NULs are not seen on a terminal: what stands around them is one text there. */
export const invisible = new RegExp(`\\u001b\\[[ -?]{0,${maxEscape}}[@-~]|\\u0000`, "g");

/**
 * Where a terminal code stands after one more byte: 1 is behind its escape, more is within, 0 behind its last byte; -1
 * when the byte does not belong to it.
 */
function withinEscape(at: number, byte: number): number {
  if (at === 1) return byte === bracket ? 2 : -1;
  if (byte >= 0x40 && byte <= 0x7e) return 0;
  return byte >= space && byte < 0x40 && at < maxEscape + 2 ? at + 1 : -1;
}

/** The states nearest to the root, in which nearly every byte of a log is read, remember where each byte leads. */
const maxRows = 2048;
/** States that are linked before others may get their turn. */
const linkedAtOnce = 4096;

/** How far a text has been read. */
interface Progress {
  /** Index of the first byte to read. */
  readonly from: number;
  /** Position of the text's first byte in the whole input. */
  readonly base: number;
}

/** How many states there may be, and the bytes of the longest pattern. */
interface Size {
  readonly capacity: number;
  readonly longest: number;
}

/**
 * Aho and Corasick's automaton over bytes: finds all of many patterns in one pass, in time linear in the text whatever
 * text and patterns are. A state is the longest beginning of any pattern that the text read so far ends with. Any run
 * of white space is one space to it, in patterns and in texts, because terraform wraps lines at their spaces; within a
 * match, colours and NULs are passed over. A pattern neither begins nor ends with white space, and holds nothing of
 * `invisible`.
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
  readonly #first: Int32Array;
  /** Which two bytes may begin a pattern, at 256 times the first plus the second: nearly every false start ends there. */
  readonly #pairs: Uint8Array;
  /** Per state: its row among the remembered steps, from 1, or 0. */
  readonly #row: Int32Array;
  /** Per row and byte: the next state plus 1, or 0 while it is not known. */
  #steps = new Int32Array(0);
  #size = 1;
  #state = 0;
  /** Where the bytes that the state stands for lie in the whole input, runs of white space as one: a ring. */
  readonly #places: Float64Array;
  readonly #mask: number;
  #placed = 0;
  /** Where the text read so far stands within a terminal code, see `withinEscape`. */
  #escape = 0;
  /** Bytes of the longest pattern. */
  readonly longest: number;
  /** Farther apart no two ends of a match are. */
  readonly #maxSpread: number;

  /** Makes the automaton of these patterns. */
  static *making(patterns: ReadonlySet<string>): Work<Automaton> {
    let [capacity, longest] = [1, 1];
    for (const pattern of patterns) {
      const length = Buffer.byteLength(pattern);
      capacity += length;
      longest = Math.max(longest, length);
    }
    const automaton = new Automaton({ capacity, longest });
    for (const pattern of patterns) {
      automaton.#add(Buffer.from(pattern));
      yield pattern.length;
    }
    yield* automaton.#link();
    automaton.#pair();
    automaton.#steps = new Int32Array(256 * Math.min(automaton.#size, maxRows));
    return automaton;
  }

  private constructor(size: Size | Automaton) {
    const { longest } = size;
    this.longest = longest;
    if (size instanceof Automaton) {
      [this.#bytes, this.#child, this.#sibling, this.#fail] = [size.#bytes, size.#child, size.#sibling, size.#fail];
      [this.#depth, this.#match, this.#row, this.#steps] = [size.#depth, size.#match, size.#row, size.#steps];
      [this.#first, this.#pairs, this.#size] = [size.#first, size.#pairs, size.#size];
    } else {
      const table = () => new Int32Array(size.capacity);
      this.#bytes = new Uint8Array(size.capacity);
      [this.#child, this.#sibling, this.#fail] = [table(), table(), table()];
      [this.#depth, this.#match, this.#row] = [table(), table(), table()];
      [this.#first, this.#pairs] = [new Int32Array(256), new Uint8Array(65_536)];
    }
    this.#maxSpread = 2 * longest + maxBetween;
    this.#places = new Float64Array(2 ** Math.ceil(Math.log2(longest + 1)));
    this.#mask = this.#places.length - 1;
  }

  /** The same patterns for another input: what is known is shared, where it stands is its own. */
  another(): Automaton {
    return new Automaton(this);
  }

  /** Position in the whole input from which on the text read so far may begin a pattern; undefined when nothing may. */
  get begun(): number | undefined {
    return this.#state === 0 ? undefined : this.#placeOf(this.#depth[this.#state] ?? 0);
  }

  /** Begins another input. */
  reset(): void {
    this.#state = 0;
    this.#escape = 0;
  }

  /**
   * Reads `text` on, and reports the place (end exclusive, in the whole input) of the longest match at each byte. Most
   * of the time of an agent that forwards logs is spent here: fields are read once, and no step that is known is a
   * call.
   */
  scan(text: Uint8Array, { from, base }: Progress, onMatch: (from: number, to: number) => void): void {
    const [first, match, bytes, rows, steps] = [this.#first, this.#match, this.#bytes, this.#row, this.#steps];
    const [places, mask] = [this.#places, this.#mask];
    const [pairs, last] = [this.#pairs, text.length - 1];
    let [at, code, placed] = [this.#state, this.#escape, this.#placed];
    for (let index = from; index < text.length; index += 1) {
      let byte = text[index] ?? 0;
      if (at === 0) {
        if (first[byte] === 0) continue;
        if (index < last && pairs[(byte << 8) | (text[index + 1] ?? 0)] === 0) continue;
        at = first[byte] ?? 0;
        places[placed++ & mask] = base + index;
        continue;
      }
      if (code !== 0) {
        code = withinEscape(code, byte);
        if (code >= 0) continue;
        code = 0;
      }
      if (byte <= space) {
        if (isSpace(byte)) byte = space;
        if (byte === escapeByte) code = 1;
        if (byte === escapeByte || byte === 0 || (byte === space && bytes[at] === space)) {
          const begin = places[(placed - (this.#depth[at] ?? 0)) & mask] ?? 0;
          if (base + index - begin > this.#maxSpread) at = code = 0;
          continue;
        }
      }
      const row = rows[at] ?? 0;
      const known = row === 0 ? 0 : (steps[(row - 1) * 256 + byte] ?? 0);
      at = known === 0 ? this.#next(at, byte) : known - 1;
      places[placed++ & mask] = base + index;
      const length = match[at] ?? 0;
      if (length > 0) onMatch(places[(placed - length) & mask] ?? 0, base + index + 1);
    }
    this.#state = at;
    this.#escape = at === 0 ? 0 : code;
    this.#placed = placed | 0;
  }

  /** Where the last `length` bytes begin. */
  #placeOf(length: number): number {
    return this.#places[(this.#placed - length) & this.#mask] ?? 0;
  }

  /** As `#step`, remembered where it is worth it. */
  #next(state: number, byte: number): number {
    const row = this.#row[state] ?? 0;
    if (row === 0) return this.#step(state, byte);
    const next = this.#step(state, byte);
    this.#steps[(row - 1) * 256 + byte] = next + 1;
    return next;
  }

  #step(state: number, byte: number): number {
    let at = state;
    while (at !== 0) {
      const next = this.#childOf(at, byte);
      if (next !== 0) return next;
      at = this.#fail[at] ?? 0;
    }
    return this.#first[byte] ?? 0;
  }

  #childOf(state: number, byte: number): number {
    let next = this.#child[state] ?? 0;
    while (next !== 0 && this.#bytes[next] !== byte) next = this.#sibling[next] ?? 0;
    return next;
  }

  #add(pattern: Uint8Array): void {
    let at = 0;
    for (const raw of pattern) {
      const byte = isSpace(raw) ? space : raw;
      if (byte === space && this.#bytes[at] === space) continue;
      const next = at === 0 ? (this.#first[byte] ?? 0) : this.#childOf(at, byte);
      at = next === 0 ? this.#grow(at, byte) : next;
    }
    this.#match[at] = this.#depth[at] ?? 0;
  }

  #grow(parent: number, byte: number): number {
    const state = this.#size;
    this.#size += 1;
    this.#bytes[state] = byte;
    this.#depth[state] = (this.#depth[parent] ?? 0) + 1;
    this.#sibling[state] = this.#child[parent] ?? 0;
    this.#child[parent] = state;
    if (parent === 0) this.#first[byte] = state;
    return state;
  }

  /** White space and what is passed over may stand for more than itself. */
  #pair(): void {
    for (let state = this.#child[0] ?? 0; state !== 0; state = this.#sibling[state] ?? 0) {
      const row = 256 * (this.#bytes[state] ?? 0);
      this.#pairs.fill(1, row, row + space + 1);
      for (let next = this.#child[state] ?? 0; next !== 0; next = this.#sibling[next] ?? 0) {
        this.#pairs[row + (this.#bytes[next] ?? 0)] = 1;
      }
    }
  }

  /** Breadth first: every state learns where to go on after a mismatch, and the matches that end inside its own. */
  *#link(): Work<void> {
    const queue = new Int32Array(this.#size);
    let end = 1;
    for (let start = 0; start < end; start += 1) {
      const state = queue[start] ?? 0;
      if (start < maxRows) this.#row[state] = start + 1;
      if (start % linkedAtOnce === 0) yield linkedAtOnce;
      for (let next = this.#child[state] ?? 0; next !== 0; next = this.#sibling[next] ?? 0) {
        const fallback = state === 0 ? 0 : this.#step(this.#fail[state] ?? 0, this.#bytes[next] ?? 0);
        this.#fail[next] = fallback;
        if (this.#match[next] === 0) this.#match[next] = this.#match[fallback] ?? 0;
        queue[end] = next;
        end += 1;
      }
    }
  }
}
