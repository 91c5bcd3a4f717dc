import type { Environment } from "../../lib/environment.ts";
import { cleanLines, oneLine } from "../../lib/text/clean-text.ts";
import { indentOf } from "../../lib/text/wrap-text.ts";
import type { Io, OutputStream } from "./io.ts";
import { type Text, wrapped, written } from "./painted.ts";
import { type Coloring, hasColor } from "./terminal.ts";

const clearScreen = "\u001b[H\u001b[2J\u001b[3J";
const clearLine = "\r\u001b[K";

interface Settings {
  readonly environment: Environment;
  readonly coloring: Coloring;
  /** Ends what waits for the stream. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One of the two streams that this program writes to. Nothing else writes there: whatever passes here is cleaned of all
 * that acts on a terminal; `log` and `again` say who did it before.
 */
export class Output {
  readonly #output: OutputStream;
  readonly #signal: AbortSignal | undefined;
  readonly #decoder = new TextDecoder();
  readonly hasColor: boolean;

  constructor(output: OutputStream, { environment, coloring, signal }: Settings) {
    this.#output = output;
    this.#signal = signal;
    this.hasColor = hasColor(output, environment, coloring);
  }

  get isTty(): boolean {
    return this.#output.isTty;
  }

  /** Of the terminal; undefined if it is none. */
  get columns(): number | undefined {
    return this.#output.columns;
  }

  /** Lines, each on one line whatever is in it; waits until the stream can take more. */
  async lines(lines: readonly Text[]): Promise<void> {
    if (lines.length > 0) await this.#wait(this.#textOf(lines));
  }

  /** Lines of cells with tabs between them, for programs that split them. */
  rows(rows: readonly (readonly string[])[]): Promise<void> {
    return this.#wait(rows.map((cells) => `${cells.map(oneLine).join("\t")}\n`).join(""));
  }

  /** Lines without waiting, for what is said in passing. */
  say(lines: readonly Text[]): void {
    if (lines.length > 0) this.#output.stream.write(this.#textOf(lines));
  }

  /** What programs may want exactly as it is. A terminal gets it as text, cleaned. */
  exact(chunk: string | Uint8Array): Promise<void> {
    if (!this.isTty) return this.#wait(chunk);
    return this.#wait(cleanLines(typeof chunk === "string" ? chunk : this.#decoder.decode(chunk, { stream: true })));
  }

  /** Part of a log whose escapes a `LogText` has taken out, or which was asked for with all of them. */
  log(chunk: string | Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#wait(chunk, signal);
  }

  /** What another `Output` has written into a collection. */
  again(text: string): Promise<void> {
    return this.#wait(text);
  }

  /** Wipes a terminal, before a list that is looked at again. */
  async clear(): Promise<void> {
    if (this.isTty) await this.#wait(clearScreen);
  }

  /** A line in place of the one before; only on a terminal. Empty wipes it away. */
  gauge(line: string): void {
    if (this.isTty) this.#output.stream.write(`${clearLine}${written(line, this.hasColor)}`);
  }

  /** Lines broken at blanks to fit the terminal, what goes on indented below the text. */
  fitted(lines: readonly Text[]): readonly Text[] {
    const { columns } = this;
    if (columns === undefined) return lines;
    return lines.flatMap((line) => wrapped(line, columns, indentOf(`${line}`, columns)));
  }

  #textOf(lines: readonly Text[]): string {
    return lines.map((line) => `${written(line, this.hasColor)}\n`).join("");
  }

  async #wait(chunk: string | Uint8Array, signal: AbortSignal | undefined = this.#signal): Promise<void> {
    const { stream } = this.#output;
    signal?.throwIfAborted();
    if (stream.write(chunk)) return;
    await new Promise<void>((resolve, reject) => {
      const onDrain = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        stream.removeListener("drain", onDrain);
        reject(signal?.reason);
      };
      stream.once("drain", onDrain);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** The stream for answers. */
export const answersOf = (io: Io, coloring: Coloring): Output =>
  new Output(io.stdout, { environment: io.environment, coloring, signal: io.signal });

/** The stream for all else. Written to even after Ctrl-C. */
export const remarksOf = (io: Io, coloring: Coloring): Output =>
  new Output(io.stderr, { environment: io.environment, coloring });

/** What a question is asked on. Its library draws with escapes of its own, so that its text must be clean before. */
export const questionStreams = ({ stdin, stderr }: Io) => ({ input: stdin.stream, output: stderr.stream });
