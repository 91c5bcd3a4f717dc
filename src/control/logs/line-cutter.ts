import { type LineExcerpt, type LogMatcher, visibleLines } from "../../domain/runs/log-lines.ts";
import type { LineStart } from "./line-starts.ts";

/** A line that has the text. */
export interface LogHit extends LineExcerpt, LineStart {}

const lineFeed = 0x0a;
/** A line that is longer is looked through in parts, which overlap: nothing of a text is missed. */
const mostKept = 256 * 1024;
const overlapBytes = 8 * 1024;

/** Finds lines in bytes that come in pieces, cut anywhere. It keeps no more than the line that is not over, or a part of it. */
export class LineCutter {
  readonly #matcher: LogMatcher;
  /** The line that is not over. */
  #at: LineStart;
  #rest: Buffer = Buffer.alloc(0);
  /** How much of that line was looked through and dropped, and whether it is told already. */
  #dropped = 0;
  #isTold = false;

  constructor(matcher: LogMatcher, { line, offset }: LineStart) {
    this.#matcher = matcher;
    this.#at = { line, offset };
  }

  /** The line that is not over. */
  get at(): LineStart {
    return this.#at;
  }

  /** The hits in the lines that are over with these bytes. */
  take(bytes: Uint8Array): readonly LogHit[] {
    const all = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const end = all.lastIndexOf(lineFeed) + 1;
    const hits = end === 0 ? [] : this.#inLines(all.subarray(0, end));
    this.#rest = all.subarray(end);
    return this.#rest.length > mostKept ? [...hits, ...this.#inPart()] : hits;
  }

  /** The hits in what is left when nothing comes any more. */
  end(): readonly LogHit[] {
    return this.#rest.length === 0 || this.#isTold ? [] : this.#hitIn(this.#rest, true);
  }

  /** `whole` ends with a line feed. */
  #inLines(whole: Buffer): readonly LogHit[] {
    const hits: LogHit[] = [];
    const mayMatch = this.#matcher.mayMatch(visibleLines(whole.toString()));
    for (let from = 0; from < whole.length; ) {
      const end = whole.indexOf(lineFeed, from) + 1;
      if (mayMatch && !this.#isTold) hits.push(...this.#hitIn(whole.subarray(from, end - 1), true));
      this.#at = { line: this.#at.line + 1, offset: this.#at.offset + this.#dropped + end - from };
      this.#dropped = 0;
      this.#isTold = false;
      from = end;
    }
    return hits;
  }

  /** Looks at what there is of a long line, and keeps its end for what follows. */
  #inPart(): readonly LogHit[] {
    const hits = this.#isTold ? [] : this.#hitIn(this.#rest, false);
    this.#isTold ||= hits.length > 0;
    const kept = this.#rest.subarray(this.#rest.length - overlapBytes);
    this.#dropped += this.#rest.length - kept.length;
    this.#rest = Buffer.from(kept);
    return hits;
  }

  #hitIn(bytes: Buffer, hasEnd: boolean): readonly LogHit[] {
    const part = { text: visibleLines(bytes.toString()), hasStart: this.#dropped === 0, hasEnd };
    const excerpt = this.#matcher.excerptOf(part);
    return excerpt === undefined ? [] : [{ ...this.#at, ...excerpt }];
  }
}
