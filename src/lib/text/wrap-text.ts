import stringWidth from "fast-string-width";

/** How many columns of a terminal a text takes, as far as terminals agree. */
export const textWidth = (text: string): number => stringWidth(text);

/** The beginning of the text that fits into so many columns, with `…` where something was left out. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let left = Math.max(0, width - 1);
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    left -= textWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** A piece of a text: from `start` to before `end`. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

/** Where a line is broken so that it fits: at blanks only. Lines after the first have `indent` columns less. */
export function wrappedPieces(line: string, width: number, indent: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let end = 0;
  // The blanks before the first word belong to it.
  for (const { index, 0: word } of line.matchAll(/^\s*\S+|\S+/g)) {
    const room = width - (pieces.length === 0 ? 0 : indent);
    if (end > start && textWidth(line.slice(start, index + word.length)) > room) {
      pieces.push({ start, end });
      start = index;
    }
    end = index + word.length;
  }
  return [...pieces, { start, end }];
}

/** A line broken at blanks so that it fits; what goes on is indented. A word that is too long stays whole. */
export function wrapLine(line: string, width: number | undefined, indent: number = indentOf(line)): readonly string[] {
  if (width === undefined || textWidth(line) <= width) return [line];
  return wrappedPieces(line, width, indent).map(
    ({ start, end }, index) => (index === 0 ? "" : " ".repeat(indent)) + line.slice(start, end),
  );
}

/** Less room than this for the words is worse than none. */
const minRoom = 20;

/** The column where the text of a line begins: after a first column that two blanks end, or after the blanks in front. */
export function indentOf(line: string, width = Number.POSITIVE_INFINITY): number {
  const column = /^(\s*\S.*?\s{2,})\S/.exec(line)?.[1];
  const front = /^\s*/.exec(line)?.[0].length ?? 0;
  if (column === undefined) return front;
  return width - textWidth(column) < minRoom ? front + 4 : textWidth(column);
}
