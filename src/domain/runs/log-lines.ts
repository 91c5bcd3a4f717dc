import { oneLineEach } from "../../lib/text/clean-text.ts";
import { withoutEscapes } from "../../lib/text/escape-sequences.ts";

/** What is looked for in the lines of a log. */
export interface LineQuery {
  readonly text: string;
  readonly matchesCase: boolean;
  readonly isAtStart: boolean;
  readonly isAtEnd: boolean;
}

/** What is shown of a line that has the text. */
export interface LineExcerpt {
  readonly text: string;
  readonly isCutBefore: boolean;
  readonly isCutAfter: boolean;
}

/** How much of a line is shown, in characters. */
const excerptLength = 1024;

/** A part of a line, and whether it reaches to the line's ends. */
export interface LinePart {
  readonly text: string;
  readonly hasStart: boolean;
  readonly hasEnd: boolean;
}

/** What a reader sees of a log's text: no escape sequences, nothing that is not seen. Its lines stay lines. */
export const visibleLines = (text: string): string => oneLineEach(withoutEscapes(text));

/** Tells where a text is. */
export class LogMatcher {
  readonly #query: LineQuery;
  readonly #wanted: string;

  constructor(query: LineQuery) {
    this.#query = query;
    this.#wanted = this.#folded(visibleLines(query.text));
  }

  /** Whether there can be a hit in any line of this text: far quicker than to look at each. */
  mayMatch(seen: string): boolean {
    return this.#folded(seen).includes(this.#wanted);
  }

  /** What is shown of a line that has the text; undefined if it has not. */
  excerptOf({ text: seen, hasStart, hasEnd }: LinePart): LineExcerpt | undefined {
    const at = this.#find({ text: this.#folded(seen), hasStart, hasEnd });
    if (at < 0) return undefined;
    const from = Math.max(0, Math.min(at - (excerptLength - this.#wanted.length) / 2, seen.length - excerptLength));
    const [begin, end] = [Math.floor(from), Math.floor(from) + excerptLength];
    return {
      text: seen.slice(begin, end).toWellFormed(),
      isCutBefore: begin > 0 || !hasStart,
      isCutAfter: end < seen.length || !hasEnd,
    };
  }

  #find({ text, hasStart, hasEnd }: LinePart): number {
    const { isAtStart, isAtEnd } = this.#query;
    if ((isAtStart && !hasStart) || (isAtEnd && !hasEnd)) return -1;
    if (isAtStart && isAtEnd) return text === this.#wanted ? 0 : -1;
    if (isAtStart) return text.startsWith(this.#wanted) ? 0 : -1;
    if (isAtEnd) return text.endsWith(this.#wanted) ? text.length - this.#wanted.length : -1;
    return text.indexOf(this.#wanted);
  }

  readonly #folded = (text: string): string => (this.#query.matchesCase ? text : text.toLowerCase());
}
