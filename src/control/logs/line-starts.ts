import { setImmediate as nextTurn } from "node:timers/promises";
import type { LogStore } from "../../store/ports/logs.ts";

/** Where a line of a log begins: its number from 1, and the position of its first byte. */
export interface LineStart {
  readonly line: number;
  readonly offset: number;
}

export const firstLine: LineStart = { line: 1, offset: 0 };

/** What one look at a log takes in: it holds up everybody. */
export const pieceBytes = 256 * 1024;
/** So far apart are the starts that are remembered, and of so many logs. */
const markEveryBytes = 4 * 1024 * 1024;
const mostMarked = 64;
const lineFeed = 0x0a;

/** Finds lines by their number or by a byte in them. What a log has stored never changes: what was found once is remembered. */
export class LineStarts {
  readonly #logs: Pick<LogStore, "read">;
  readonly #marks = new Map<string, LineStart[]>();

  constructor(logs: Pick<LogStore, "read">) {
    this.#logs = logs;
  }

  /** The line of that number; the end of the log, with the number of the line that would begin there, if it has not so many. */
  byNumber(stream: string, line: number, signal: AbortSignal): Promise<LineStart> {
    return this.#walk(stream, { isBefore: (start) => start.line <= line, stopsAt: (at) => at.line === line }, signal);
  }

  /** The line in which a byte stands. */
  atOffset(stream: string, offset: number, signal: AbortSignal): Promise<LineStart> {
    return this.#walk(
      stream,
      { isBefore: (start) => start.offset <= offset, stopsAt: () => false, upTo: offset },
      signal,
    );
  }

  async #walk(stream: string, { isBefore, stopsAt, upTo = Infinity }: Walk, signal: AbortSignal): Promise<LineStart> {
    let at = this.#marksOf(stream).findLast(isBefore) ?? firstLine;
    for (let next = at.offset; !stopsAt(at) && next < upTo; ) {
      signal.throwIfAborted();
      const { bytes } = await this.#logs.read(stream, next, pieceBytes);
      if (bytes.length === 0) return upTo === Infinity && next > at.offset ? { line: at.line + 1, offset: next } : at;
      for (let feed = bytes.indexOf(lineFeed); feed >= 0; feed = bytes.indexOf(lineFeed, feed + 1)) {
        const start = { line: at.line + 1, offset: next + feed + 1 };
        if (start.offset > upTo) return at;
        at = start;
        this.#mark(stream, at);
        if (stopsAt(at)) return at;
      }
      next += bytes.length;
      await nextTurn();
    }
    return at;
  }

  /** Remembers a start, unless it is known what is near. */
  #mark(stream: string, start: LineStart): void {
    const marks = this.#marksOf(stream);
    if (start.offset - (marks.at(-1)?.offset ?? 0) < markEveryBytes) return;
    marks.push(start);
    this.#marks.delete(stream);
    this.#marks.set(stream, marks);
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > mostMarked && oldest !== undefined) this.#marks.delete(oldest);
  }

  #marksOf(stream: string): LineStart[] {
    return this.#marks.get(stream) ?? [];
  }
}

interface Walk {
  readonly isBefore: (start: LineStart) => boolean;
  readonly stopsAt: (at: LineStart) => boolean;
  readonly upTo?: number;
}
