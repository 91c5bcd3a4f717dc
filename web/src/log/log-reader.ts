import { beginsError, isOfAgent, type SectionName, sectionOf } from "./sections.ts";
import { type LogSpan, SpanReader } from "./spans.ts";
import { strip } from "./strip.ts";

/** A line of a log as it is shown. */
export interface LogLine {
  /** From 1. 0 is a remark of ours between lines. */
  readonly number: number;
  readonly spans: readonly LogSpan[];
  readonly section: SectionName;
  readonly kind: "program" | "agent" | "error" | "remark";
  /** When it came to the server, to the second; absent if the server did not remember. */
  readonly at?: Date | undefined;
}

/** From which byte of a log on bytes came at which time. */
interface ByteTime {
  readonly offset: number;
  readonly at: Date | undefined;
}

/** Bytes of a log, and where they stand in it. */
export interface TimedBytes {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** In the order of the log; the first may be of a byte before these. */
  readonly times: readonly ByteTime[];
}

const lineFeed = 0x0a;

/** Longer lines are cut: a browser lays out a line as a whole. */
const maxLineChars = 20_000;

/** Makes lines of the bytes of a log, however they are cut into pieces. */
export class LogReader {
  readonly #decoder = new TextDecoder();
  readonly #spans = new SpanReader();
  #rest = "";
  #number = 0;
  #section: SectionName = "Setup";
  /** When the line came whose end is not there yet. */
  #at: Date | undefined;

  /** The lines that end in these bytes, each made when it is taken: those of a long log are too many to be made at once. */
  *read({ bytes, offset, times }: TimedBytes): Generator<LogLine, void> {
    const at = readerOfTimes(times);
    if (this.#rest === "") this.#at = at(offset);
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    let next = 0;
    for (const line of lines) {
      yield this.#line(line);
      next = bytes.indexOf(lineFeed, next) + 1;
      this.#at = at(offset + next);
    }
  }

  /** The line that the log ends with, if it has no end of its own. */
  *end(): Generator<LogLine, void> {
    const last = this.#rest + this.#decoder.decode();
    this.#rest = "";
    if (last !== "") yield this.#line(last);
  }

  /** A remark of ours, at this place of the log. */
  *remark(text: string): Generator<LogLine, void> {
    yield { number: 0, spans: [{ text: `[${text}]`, look: "" }], section: this.#section, kind: "remark" };
  }

  #line(raw: string): LogLine {
    const line = strip(raw.length > maxLineChars * 4 ? raw.slice(0, maxLineChars * 4) : raw);
    const spans = cut(this.#spans.read(line), raw.length);
    const text = spans.map((span) => span.text).join("");
    this.#section = sectionOf(text, this.#section);
    this.#number += 1;
    const kind = beginsError(text) ? "error" : isOfAgent(text) ? "agent" : "program";
    return { number: this.#number, spans, section: this.#section, kind, at: this.#at };
  }
}

/** Tells the times of bytes, asked for in their order. */
function readerOfTimes(times: readonly ByteTime[]): (offset: number) => Date | undefined {
  let passed = 0;
  return (offset) => {
    while ((times[passed]?.offset ?? Infinity) <= offset) passed += 1;
    return times[passed - 1]?.at;
  };
}

/** The first characters of a line that is too long, and how many there are. */
function cut(spans: readonly LogSpan[], rawLength: number): readonly LogSpan[] {
  let left = maxLineChars;
  const kept: LogSpan[] = [];
  for (const span of spans) {
    if (left <= 0) break;
    kept.push(span.text.length > left ? { ...span, text: span.text.slice(0, left) } : span);
    left -= span.text.length;
  }
  if (left >= 0 && rawLength <= maxLineChars * 4) return kept;
  const rest = {
    text: ` … [a line of ${rawLength.toLocaleString("en")} characters: download the log to read it]`,
    look: "ansi-faint",
  };
  return [...kept, rest];
}
