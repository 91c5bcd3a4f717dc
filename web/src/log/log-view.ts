import { countText } from "../ui/format.ts";
import type { LineRange } from "./line-range.ts";
import type { LogLine } from "./log-reader.ts";
import type { SectionName } from "./sections.ts";
import type { LogSpan } from "./spans.ts";

/** What a log tells those who stand around it. */
export interface LogViewListener {
  onLines(shown: LogCounts): void;
  /** How many lines have come below of what is seen. */
  onUnseen(lines: number): void;
}

export interface LogCounts {
  readonly lines: number;
  readonly firstError: number | undefined;
}

const chunkLines = 200;
const lineHeightPx = 20;
/** Of a longer log the beginning and the end are shown. */
const maxLines = 200_000;
const headLines = 20_000;
/** Sections that fold once they are over. */
const folding: ReadonlySet<SectionName> = new Set(["Setup", "Refresh"]);
const worthFolding = 4;
/** What building lines may take of a frame: a long log comes in many, and the page answers meanwhile. */
const buildMs = 28;

interface Section {
  readonly name: SectionName;
  readonly element: HTMLDetailsElement;
  readonly count: HTMLElement;
  lines: number;
}

/**
 * The lines of a log in a page: text nodes and classes of a closed set, never HTML. Lines stand in chunks that the browser lays out when they
 * are seen, chunks in sections that fold.
 */
export class LogView {
  readonly #box: HTMLElement;
  readonly #listener: LogViewListener;
  readonly #lines: (HTMLElement | undefined)[] = [];
  #chunks: HTMLElement[] = [];
  #section: Section | undefined;
  #chunk: HTMLElement | undefined;
  /** Lines that are still to be made and shown, in this order. */
  #waiting: Iterator<LogLine, void>[] = [];
  #whenShown: (() => void)[] = [];
  #frame: number | undefined;
  #settling: number | undefined;
  #startedAt: Date | undefined;
  /** Of the last line that has a time: the lines of one second share it. */
  #shownTime: ShownTime | undefined;
  #firstError: number | undefined;
  #isAtEnd = true;
  #unseen = 0;
  #shownLines = 0;
  #gap: HTMLElement | undefined;
  #hidden = 0;
  #marked: readonly HTMLElement[] = [];

  constructor(box: HTMLElement, listener: LogViewListener) {
    this.#box = box;
    this.#listener = listener;
  }

  /** Shows lines with the next frames. They are taken one by one, as far as a frame has time for them. */
  add(lines: Iterator<LogLine, void>): void {
    this.#waiting.push(lines);
    this.#awaitFrame();
  }

  /** Calls back once all lines so far are shown. */
  whenShown(call: () => void): void {
    this.#whenShown.push(call);
    this.#awaitFrame();
  }

  #awaitFrame(): void {
    this.#frame ??= window.requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#build();
    });
  }

  /** Shows what waits, as far as a frame has time for it. */
  #build(): void {
    const until = performance.now() + buildMs;
    let added = 0;
    for (let line = this.#next(); line !== undefined; line = performance.now() < until ? this.#next() : undefined) {
      this.#show(line);
      added += 1;
    }
    if (added > 0) this.#lineUp(added);
    if (this.#waiting.length > 0) {
      this.#awaitFrame();
      return;
    }
    // With every chunk that comes into sight or leaves it a browser looks through all others: it goes to the end once.
    if (this.#isAtEnd) this.toEnd();
    for (const call of this.#whenShown.splice(0)) call();
  }

  #next(): LogLine | undefined {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { value } = first.next();
      if (value !== undefined) return value;
      this.#waiting.shift();
    }
    return undefined;
  }

  /** What follows from lines that have been added. */
  #lineUp(added: number): void {
    if (this.#section !== undefined) countLines(this.#section);
    this.#sizeChunk();
    this.#keepBounded();
    this.#listener.onLines({ lines: this.#lines.length, firstError: this.#firstError });
    if (!this.#isAtEnd) this.#setUnseen(this.#unseen + added);
  }

  clear(): void {
    if (this.#frame !== undefined) window.cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#box.replaceChildren();
    this.#lines.length = 0;
    this.#chunks = [];
    this.#waiting = [];
    this.#whenShown = [];
    this.#section = undefined;
    this.#chunk = undefined;
    this.#startedAt = undefined;
    this.#firstError = undefined;
    this.#shownLines = 0;
    this.#gap = undefined;
    this.#hidden = 0;
    this.#listener.onLines({ lines: 0, firstError: undefined });
  }

  /** To be called when the box was scrolled: it follows while it stands at the end. */
  scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.#box;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < lineHeightPx * 2;
    if (this.#isAtEnd) this.#setUnseen(0);
  }

  toStart(): void {
    this.#isAtEnd = false;
    this.#box.scrollTop = 0;
  }

  toEnd(): void {
    this.#isAtEnd = true;
    this.#setUnseen(0);
    this.#box.scrollTop = this.#box.scrollHeight;
    // A chunk that comes into sight may be higher than it was thought to be, where lines wrap.
    this.#settling ??= window.requestAnimationFrame(() => {
      this.#settling = undefined;
      if (this.#isAtEnd) this.#box.scrollTop = this.#box.scrollHeight;
    });
  }

  /** Marks lines and goes to the first; false if it is not shown. */
  mark({ first, last }: LineRange, look: "linked" | "hit" = "linked"): boolean {
    for (const line of this.#marked) delete line.dataset.mark;
    this.#marked = this.#lines.slice(first - 1, Math.min(last, first + maxMarked)).filter((line) => line !== undefined);
    for (const line of this.#marked) line.dataset.mark = look;
    const [target] = this.#marked;
    if (target === undefined) return false;
    this.#isAtEnd = false;
    const section = target.closest("details");
    if (section !== null) section.open = true;
    // Only the box is to scroll; the page comes along for an address that names lines.
    const top = window.scrollY;
    target.scrollIntoView({ block: "center" });
    if (look === "hit") {
      window.scrollTo({ top });
      this.#box.scrollIntoView({ block: "nearest" });
    }
    return true;
  }

  /** The text of lines, as far as they are shown. */
  textOf({ first, last }: LineRange): string {
    return this.#lines
      .slice(first - 1, last)
      .map((line) => line?.textContent ?? "")
      .join("\n");
  }

  foldAll(isFolded: boolean): void {
    for (const section of this.#box.querySelectorAll("details")) section.open = !isFolded;
  }

  #show(line: LogLine): void {
    if (this.#section === undefined || (line.section !== this.#section.name && line.kind !== "remark"))
      this.#begin(line.section);
    if (this.#chunk === undefined || this.#chunk.childElementCount >= chunkLines) this.#beginChunk();
    const element = this.#elementOf(line);
    this.#chunk?.append(element);
    this.#shownLines += 1;
    if (this.#section !== undefined) this.#section.lines += 1;
    if (line.number === 0) return;
    this.#lines[line.number - 1] = element;
    if (line.kind === "error") this.#firstError ??= line.number;
  }

  #begin(name: SectionName): void {
    this.#sizeChunk();
    const before = this.#section;
    if (before !== undefined) countLines(before);
    // Whoever does not follow may be reading in it, and what is lost of a log is to be seen.
    const mayFold = before !== undefined && this.#isAtEnd && folding.has(before.name) && before.lines >= worthFolding;
    if (mayFold && name !== "Error")
      before.element.open = before.element.querySelector("[data-mark], [data-kind=remark]") !== null;
    const element = document.createElement("details");
    element.open = true;
    element.className = "log-section";
    element.dataset.section = name;
    const title = document.createElement("summary");
    const count = document.createElement("span");
    title.append(name, count);
    element.append(title);
    this.#box.append(element);
    this.#section = { name, element, count, lines: 0 };
    this.#chunk = undefined;
  }

  #beginChunk(): void {
    this.#sizeChunk();
    this.#chunk = document.createElement("div");
    this.#chunk.className = "log-chunk";
    this.#chunks.push(this.#chunk);
    this.#section?.element.append(this.#chunk);
  }

  /** How high a chunk is while it is out of sight. The log's own height, and so its end, depends on it. */
  #sizeChunk(): void {
    if (this.#chunk === undefined) return;
    this.#chunk.style.containIntrinsicHeight = `auto ${this.#chunk.childElementCount * lineHeightPx}px`;
  }

  #elementOf({ number, spans, kind, at }: LogLine): HTMLElement {
    const element = document.createElement("div");
    element.className = "log-line";
    if (kind !== "program") element.dataset.kind = kind;
    if (number > 0) element.setAttribute("data-n", String(number));
    if (at !== undefined) {
      this.#startedAt ??= at;
      if (this.#shownTime?.at !== at) this.#shownTime = shownTime(at, this.#startedAt);
      element.dataset.clock = this.#shownTime.clock;
      element.dataset.since = this.#shownTime.since;
    }
    for (const span of spans) element.appendChild(nodeOf(span));
    return element;
  }

  /** Takes chunks out of the middle of a log that is too long, and says so in their place. */
  #keepBounded(): void {
    if (this.#shownLines <= maxLines) return;
    const from = headLines / chunkLines;
    while (this.#shownLines > maxLines) {
      const [chunk] = this.#chunks.splice(from, 1);
      if (chunk === undefined) return;
      this.#shownLines -= chunk.childElementCount;
      this.#hidden += chunk.childElementCount;
      for (const line of chunk.children)
        if (line instanceof HTMLElement && line.dataset.n !== undefined) delete this.#lines[Number(line.dataset.n) - 1];
      this.#sayHidden(chunk);
    }
  }

  #sayHidden(instead: HTMLElement): void {
    if (this.#gap === undefined) {
      this.#gap = document.createElement("div");
      this.#gap.className = "log-gap";
      instead.replaceWith(this.#gap);
    } else instead.remove();
    this.#gap.textContent = `[${this.#hidden.toLocaleString("en")} lines are not shown: search finds what is in them, and the download has them]`;
  }

  #setUnseen(lines: number): void {
    if (lines === this.#unseen) return;
    this.#unseen = lines;
    this.#listener.onUnseen(lines);
  }
}

const maxMarked = 5_000;

interface ShownTime {
  readonly at: Date;
  readonly clock: string;
  readonly since: string;
}

const shownTime = (at: Date, start: Date): ShownTime => ({
  at,
  clock: at.toLocaleTimeString("en-GB"),
  since: `+${Math.floor((at.getTime() - start.getTime()) / 1000)}s`,
});

function countLines({ count, lines }: Section): void {
  count.textContent = countText(lines, "line");
}

function nodeOf({ text, look, color, background, href }: LogSpan): Node {
  if (look === "" && color === undefined && background === undefined && href === undefined)
    return document.createTextNode(text);
  const element = href === undefined ? document.createElement("span") : linkTo(href);
  element.className = look;
  element.append(text);
  if (color !== undefined) element.style.color = color;
  if (background !== undefined) element.style.backgroundColor = background;
  return element;
}

/** A link of a log shows its host: its text may say another one. */
function linkTo(href: string): HTMLAnchorElement {
  const link = document.createElement("a");
  link.href = href;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  link.dataset.host = new URL(href).host;
  return link;
}
