import { setImmediate as nextTurn } from "node:timers/promises";
import { atOnce, inTurns, type Work } from "../../lib/async/work.ts";
import { hiddenMark } from "../../lib/words/lost-resources.ts";
import { Automaton, invisible } from "./redact-automaton.ts";
import { minCharacters, patternsOf } from "./redact-patterns.ts";

/** A transform of bytes in pieces; the concatenated output depends only on the concatenated input. */
export interface ByteTransform {
  /** The bytes that can be told so far; may share memory with `bytes`. */
  push(bytes: Uint8Array): Uint8Array;
  /** The rest. Nothing may be pushed afterwards. */
  finish(): Uint8Array;
}

/** What stands in a log for a secret. */
export const sensitiveMark = hiddenMark;

const mark = Buffer.from(sensitiveMark);
const nothing = new Uint8Array(0);
const identity: ByteTransform = { push: (bytes) => bytes, finish: () => nothing };

/**
 * Replaces every secret, in every form of `patternsOf` and however its spaces are wrapped, by `(sensitive value)`;
 * forms that overlap or touch become one mark. Only bytes that may be the beginning of a secret are held back. A safety
 * net, not a barrier: a configuration can always transform what it prints.
 */
export const createRedactor = (values: readonly string[]): ByteTransform => redactorOf(atOnce(automatonOf(values)));

/** The same, while others get their turn: very many secrets take seconds. */
export const makeRedactor = async (values: readonly string[]): Promise<ByteTransform> =>
  redactorOf(await automatonFor(values));

/** By the very list, which nobody changes: the sections of a log and the plan of a job have the same one. */
const made = new WeakMap<readonly string[], Automaton | undefined>();

async function automatonFor(values: readonly string[]): Promise<Automaton | undefined> {
  if (!made.has(values)) made.set(values, await inTurns(automatonOf(values)));
  return made.get(values)?.another();
}

const redactorOf = (automaton: Automaton | undefined): ByteTransform =>
  automaton === undefined ? identity : new Redactor(automaton);

/** The same for many short texts, each on its own. */
export const createTextRedactor = (values: readonly string[]): ((text: string) => string) =>
  textRedactorOf(made.has(values) ? made.get(values)?.another() : atOnce(automatonOf(values)));

/** The same, while others get their turn. */
export const makeTextRedactor = async (values: readonly string[]): Promise<(text: string) => string> =>
  textRedactorOf(await automatonFor(values));

function textRedactorOf(automaton: Automaton | undefined): (text: string) => string {
  if (automaton === undefined) return (text) => text;
  return (text) => {
    automaton.reset();
    const redactor = new Redactor(automaton);
    const bytes = Buffer.from(text);
    const redacted = Buffer.concat([redactor.push(bytes), redactor.finish()]);
    return redacted.equals(bytes) ? text : redacted.toString();
  };
}

/** How much of a long text is looked through before others get their turn. */
const sliceBytes = 256 * 1024;

/**
 * The same for texts of any length: others get their turn meanwhile. Of `plain` values no other form is looked for than they
 * are written in.
 */
export async function makeSlicedRedactor(
  values: readonly string[],
  plain: readonly string[],
): Promise<(text: string) => Promise<string>> {
  const automaton = await inTurns(automatonOf(values, plain));
  if (automaton === undefined) return async (text) => text;
  // One after the other: the automaton stands at one place of one text.
  let last: Promise<unknown> = Promise.resolve();
  return (text) => {
    const redacted = last.then(() => inSlices(automaton, Buffer.from(text)));
    last = redacted;
    return redacted;
  };
}

async function inSlices(automaton: Automaton, bytes: Buffer): Promise<string> {
  automaton.reset();
  const redactor = new Redactor(automaton);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    if (at > 0) await nextTurn();
    parts.push(redactor.push(bytes.subarray(at, at + sliceBytes)));
  }
  parts.push(redactor.finish());
  return Buffer.concat(parts).toString();
}

function* automatonOf(values: readonly string[], plain: readonly string[] = []): Work<Automaton | undefined> {
  const patterns = new Set<string>();
  const add = (form: string) => {
    const pattern = form.replaceAll(invisible, "").trim();
    if (pattern.length >= minCharacters) patterns.add(pattern);
  };
  for (const value of values) {
    patternsOf(value).forEach(add);
    yield formsCost + formsCostPerCharacter * value.length;
  }
  for (const text of plain) {
    add(text);
    yield text.length;
  }
  return patterns.size === 0 ? undefined : yield* Automaton.making(patterns);
}

/** What all forms of a value take, as if they were so many characters. */
const formsCost = 500;
const formsCostPerCharacter = 10;

/** A range of positions in the whole input; `to` is exclusive. */
interface Range {
  from: number;
  to: number;
}

class Redactor implements ByteTransform {
  readonly #automaton: Automaton;
  /** Bytes before the next one to read that may still turn out to begin a secret. */
  #held: Uint8Array = nothing;
  /** Position of the first held byte in the whole input. */
  #base = 0;
  /** Secrets found that reach beyond what was given out; ascending and apart. */
  #found: Range[] = [];
  /** True when the last byte given out belongs to a mark. */
  #isInMark = false;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
  }

  push(bytes: Uint8Array): Uint8Array {
    const scanned = this.#held.length;
    const text = scanned === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#automaton.scan(text, { from: scanned, base: this.#base }, (from, to) => {
      // Only a secret with a run of spaces is shorter as a pattern, and only with its run it is long enough.
      if (to - from >= minCharacters) this.#cover(from, to);
    });
    return this.#emit(text, (this.#automaton.begun ?? this.#base + text.length) - this.#base);
  }

  finish(): Uint8Array {
    return this.#emit(this.#held, this.#held.length);
  }

  #cover(from: number, to: number): void {
    let start = from;
    for (let last = this.#found.at(-1); last !== undefined && last.to >= start; last = this.#found.at(-1)) {
      start = Math.min(start, last.from);
      this.#found.pop();
    }
    this.#found.push({ from: start, to });
  }

  /** Gives out the first `length` bytes of `text` with their secrets replaced and holds back the rest. */
  #emit(text: Uint8Array, length: number): Uint8Array {
    const end = this.#base + length;
    const out: Uint8Array[] = [];
    let at = this.#base;
    for (const { from, to } of this.#found) {
      if (from >= end) break;
      if (from > at) this.#plain(text, at, from, out);
      if (!this.#isInMark) out.push(mark);
      this.#isInMark = true;
      at = Math.min(to, end);
    }
    if (at < end) this.#plain(text, at, end, out);
    this.#found = this.#found.filter(({ to }) => to > end);
    // A copy, so that a few held bytes do not keep a large piece alive.
    this.#held = text.slice(length);
    this.#base = end;
    return out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
  }

  #plain(text: Uint8Array, from: number, to: number, out: Uint8Array[]): void {
    out.push(text.subarray(from - this.#base, to - this.#base));
    this.#isInMark = false;
  }
}
