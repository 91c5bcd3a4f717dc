import { styleText } from "node:util";
import { oneLine } from "../../lib/text/clean-text.ts";
import { textWidth, wrappedPieces } from "../../lib/text/wrap-text.ts";

/** The colours and weights that this program itself uses. */
export type Style = "red" | "green" | "yellow" | "cyan" | "bold" | "dim";

interface Span {
  readonly text: string;
  readonly style?: Style | undefined;
}

/**
 * A line with colours, kept apart from its text until it is written: only then is it known whether the stream has any,
 * and no text of others can bring colours of its own. In a template it is its text.
 */
export class Painted {
  readonly spans: readonly Span[];

  constructor(spans: readonly Span[]) {
    this.spans = spans;
  }

  toString(): string {
    return this.spans.map(({ text }) => text).join("");
  }
}

/** A line, or a part of one. */
export type Text = string | Painted;

/** The text in this colour or weight; undefined leaves it as it is. */
export const painted = (style: Style | undefined, text: Text): Painted => new Painted([{ text: `${text}`, style }]);

export const red = (text: Text): Painted => painted("red", text);
export const green = (text: Text): Painted => painted("green", text);
export const yellow = (text: Text): Painted => painted("yellow", text);
export const bold = (text: Text): Painted => painted("bold", text);

/** A template whose painted parts keep their colours. */
export const styled = (parts: readonly string[], ...values: readonly Text[]): Painted =>
  joined(parts.flatMap((part, index) => [part, values[index] ?? ""]));

/** Several parts as one line. */
export const joined = (parts: readonly Text[]): Painted => new Painted(parts.flatMap(spansOf));

const spansOf = (text: Text): readonly Span[] => (typeof text === "string" ? [{ text }] : text.spans);

/** The line as a terminal or a file gets it: nothing in it acts, and the colours are ours. */
export const written = (text: Text, hasColor: boolean): string =>
  spansOf(text)
    .map(({ text: raw, style }) => {
      const clean = oneLine(raw);
      if (style === undefined || !hasColor || clean === "") return clean;
      return styleText(style, clean, { validateStream: false });
    })
    .join("");

/** The line broken at blanks so that it fits; the colours go on. */
export function wrapped(text: Text, width: number, indent: number): readonly Text[] {
  const clean = new Painted(spansOf(text).map(({ text: raw, style }) => ({ text: oneLine(raw), style })));
  const plain = clean.toString();
  if (textWidth(plain) <= width) return [clean];
  return wrappedPieces(plain, width, indent).map(({ start, end }, index) =>
    joined([index === 0 ? "" : " ".repeat(indent), cutOut(clean, start, end)]),
  );
}

function cutOut({ spans }: Painted, start: number, end: number): Painted {
  let at = 0;
  const pieces = spans.map(({ text, style }) => {
    const piece = { text: text.slice(Math.max(0, start - at), Math.max(0, end - at)), style };
    at += text.length;
    return piece;
  });
  return new Painted(pieces.filter(({ text }) => text !== ""));
}
