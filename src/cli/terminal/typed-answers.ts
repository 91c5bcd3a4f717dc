import { PassThrough, type Readable } from "node:stream";
import type { Clock } from "../../lib/clock.ts";

/** A letter alone is an answer after this long; a word is one with Enter. */
const pauseMs = 400;

const up = "\u001b[A";
const down = "\u001b[B";
/** After the escape that begins it. */
const arrow = /[[O]([AB])/g;
const enter = /[\r\n]/;

interface Options {
  readonly words: readonly string[];
  /** Which one is chosen at first. */
  readonly initial: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface RawTerminal {
  readonly isTTY?: boolean | undefined;
  setRawMode?(isRaw: boolean): unknown;
}

/**
 * The keys of a terminal for a question with several options: words that are typed, or begun, become moves of its
 * cursor. The question itself knows arrows and Enter only. Dispose it to give the terminal back.
 */
export class TypedAnswers extends PassThrough implements Disposable {
  readonly #stdin: Readable & RawTerminal;
  readonly #options: Options;
  #chosen: number;
  #typed = "";

  constructor(stdin: Readable & RawTerminal, options: Options) {
    super();
    this.#stdin = stdin;
    this.#options = options;
    this.#chosen = options.initial;
    stdin.on("data", this.#onData);
    stdin.resume();
  }

  get isTTY(): boolean {
    return this.#stdin.isTTY === true;
  }

  setRawMode(isRaw: boolean): this {
    this.#stdin.setRawMode?.(isRaw);
    return this;
  }

  [Symbol.dispose](): void {
    this.#stdin.off("data", this.#onData);
    this.#stdin.pause();
    this.end();
  }

  readonly #onData = (chunk: Buffer | string): void => {
    const keys = chunk.toString();
    if (/^[\p{L}\r\n]+$/u.test(keys)) for (const key of keys) this.#take(key);
    else this.#pass(keys);
  };

  #pass(keys: string): void {
    this.#typed = "";
    const { length } = this.#options.words;
    for (const [, which] of keys.matchAll(arrow))
      this.#chosen = (this.#chosen + (which === "A" ? length - 1 : 1)) % length;
    this.write(keys);
  }

  #take(key: string): void {
    const isEnd = enter.test(key);
    const typed = this.#typed + (isEnd ? "" : key.toLowerCase());
    const found = this.#options.words.findIndex((word) => word.startsWith(typed));
    this.#typed = isEnd ? "" : typed;
    // A word that is none of them is no answer: the question stands as it was.
    if (typed !== "") this.#moveTo(found < 0 ? this.#options.initial : found);
    if (isEnd && (typed === "" || found >= 0)) this.write("\r");
    if (!isEnd && found >= 0 && typed.length === 1) this.#answerAfterPause(typed);
  }

  #moveTo(option: number): void {
    const steps = option - this.#chosen;
    this.#chosen = option;
    this.write((steps < 0 ? up : down).repeat(Math.abs(steps)));
  }

  #answerAfterPause(typed: string): void {
    const { clock, signal } = this.#options;
    clock.sleep(pauseMs, signal).then(
      () => {
        if (this.#typed === typed && !this.writableEnded) this.write("\r");
      },
      () => {},
    );
  }
}
