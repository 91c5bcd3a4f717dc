import { oneLine } from "../../lib/text/clean-text.ts";
import { cutText, textWidth } from "../../lib/text/wrap-text.ts";
import { usageError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import { joined, painted, type Text } from "./painted.ts";
import { isShortId, shortIds } from "./short-ids.ts";
import { styleOfStatus } from "./status-words.ts";

/** One column of a table of `Row`s. */
export interface Column<Row> {
  /** In capitals, as it is shown. */
  readonly name: string;
  /** Shown only with `-o wide` or when asked for by `--columns`. */
  readonly isWide?: boolean | undefined;
  /** When it is left out on a terminal that is too narrow: 1 goes first. Absent: it is cut, but stays. */
  readonly drop?: number | undefined;
  /** Its words say how something is, and have colours. */
  readonly isStatus?: boolean | undefined;
  /** An empty text is shown as `-`. */
  readonly value: (row: Row, now: Date) => string;
}

/** The columns asked for by `--columns` in that order, or all of the wanted width. */
export function chooseColumns<Row>(
  columns: readonly Column<Row>[],
  asked: readonly string[],
  isWide: boolean,
): readonly Column<Row>[] {
  if (asked.length === 0) return columns.filter((column) => isWide || column.isWide !== true);
  return asked.map((given) => {
    const found = columns.find(({ name }) => columnKey(name) === columnKey(given));
    if (found !== undefined) return found;
    const names = columns.map(({ name }) => columnKey(name));
    throw usageError(`unknown column "${given}".${didYouMean(columnKey(given), names)} There are: ${names.join(", ")}`);
  });
}

/** A column as it is written in `--columns`: `last-used`. */
export const columnKey = (name: string): string => name.toLowerCase().replaceAll(" ", "-");

interface Layout {
  readonly isHeaderShown: boolean;
  /** Of the terminal; undefined where there is none, and nothing is left out or cut. */
  readonly width: number | undefined;
  /** True if the columns were asked for: then none is left out or cut, and the terminal breaks the lines. */
  readonly isWhole?: boolean | undefined;
  readonly now: Date;
}

/** No cell makes its column wider than this, and on a terminal none is. */
const maxCellWidth = 60;
/** A column is left out before others are cut further than this. */
const fairCellWidth = 20;
/** What is cut further than this says nothing any more. */
const minCellWidth = 8;
const gap = 2;

/** The lines of a table without borders, two spaces between columns. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { isHeaderShown, width, isWhole, now }: Layout,
): readonly Text[] {
  const all = columns.map((column) => {
    const cells = rows.map((row) => cell(column.value(row, now)));
    return stripOf(column, isHeaderShown ? column.name : "", cells);
  });
  const strips = width === undefined || isWhole === true ? all : fitted(all, width);
  const header = isHeaderShown ? [lineOf(strips, ({ header: name }) => name)] : [];
  return [...header, ...rows.map((_, index) => lineOf(strips, ({ cells }) => cells[index] ?? "", paintOf))];
}

/** A column with what stands in it. */
interface Strip {
  readonly column: Pick<Column<never>, "drop" | "isStatus">;
  readonly header: string;
  readonly cells: readonly string[];
  readonly width: number;
}

const stripOf = (column: Strip["column"], header: string, cells: readonly string[]): Strip => ({
  column,
  header,
  cells,
  width: Math.min(maxCellWidth, Math.max(textWidth(header), ...cells.map(textWidth))),
});

const changed = ({ column, header, cells }: Strip, change: (text: string) => string): Strip =>
  stripOf(column, change(header), cells.map(change));

const totalOf = (strips: readonly { readonly width: number }[], most = maxCellWidth): number =>
  strips.reduce((sum, { width }) => sum + Math.min(most, width), gap * Math.max(0, strips.length - 1));

/**
 * Makes the table narrow enough: what is empty goes first, ids are shortened, what matters least goes, what is widest
 * is cut.
 */
function fitted(whole: readonly Strip[], width: number): readonly Strip[] {
  const isEmpty = ({ cells }: Strip) => cells.every((text) => text === "-");
  const filled = without(whole, (left) => totalOf(left) <= width, isEmpty);
  const cutCells = (strip: Strip) => changed(strip, (text) => cutText(text, maxCellWidth));
  if (totalOf(filled) <= width) return filled.map(cutCells);
  const short = shortIds(whole.flatMap(({ cells }) => cells));
  const shortened = filled.map((strip) => cutCells(changed(strip, short)));
  return narrowed(
    without(shortened, (left) => totalOf(left, fairCellWidth) <= width),
    width,
  );
}

/** Leaves out columns that may go, the least important first, until what is left fits. */
function without(
  strips: readonly Strip[],
  fits: (left: readonly Strip[]) => boolean,
  mayGo: (strip: Strip) => boolean = () => true,
): readonly Strip[] {
  if (fits(strips)) return strips;
  const going = strips
    .filter((strip) => strip.column.drop !== undefined && mayGo(strip))
    .sort((a, b) => (b.column.drop ?? 0) - (a.column.drop ?? 0));
  const kept = new Set(strips.filter((strip) => !going.includes(strip)));
  const left = () => strips.filter((strip) => kept.has(strip));
  for (const strip of going) {
    kept.add(strip);
    if (!fits(left())) kept.delete(strip);
  }
  return left();
}

/** A cut id would not be taken back. */
const isIdOrNone = (text: string): boolean => text === "-" || isShortId(text);

/** Takes from the widest column, until the table fits or nothing is left to take. */
function narrowed(strips: readonly Strip[], width: number): readonly Strip[] {
  const widths = strips.map((strip) => ({
    width: strip.width,
    isFirm: strip.column.isStatus === true || strip.cells.every(isIdOrNone),
  }));
  while (totalOf(widths) > width) {
    const cuttable = widths.filter(({ isFirm }) => !isFirm);
    const widest = cuttable.reduce((best, one) => (one.width > best.width ? one : best), { width: 0, isFirm: false });
    if (widest.width <= minCellWidth) break;
    widest.width -= 1;
  }
  return strips.map((strip, index) => changed(strip, (text) => cutText(text, widths[index]?.width ?? 0)));
}

function lineOf(
  strips: readonly Strip[],
  textOf: (strip: Strip) => string,
  paint: (strip: Strip, text: string) => Text = (_strip, text) => text,
): Text {
  const last = strips.length - 1;
  return joined(
    strips.map((strip, index) => {
      const text = textOf(strip);
      const room = Math.max(0, strip.width - textWidth(text)) + gap;
      return joined([paint(strip, text), " ".repeat(index === last ? 0 : room)]);
    }),
  );
}

const paintOf = ({ column }: Strip, text: string): Text =>
  column.isStatus === true ? painted(styleOfStatus(text), text) : text;

/** A name with its value, and the lines of a longer text that stand below it. */
export type Detail = readonly [name: string, value: string, below?: readonly string[]];

/** Lines of `Name:  value`, the values aligned, texts below them indented; entries without a value are left out. */
export function detailLines(entries: readonly Detail[]): readonly string[] {
  const shown = entries.filter(([, value]) => value !== "");
  const width = Math.max(0, ...shown.map(([name]) => textWidth(name)));
  return shown.flatMap(([name, value, below = []]) => [
    `${name}:${" ".repeat(width - textWidth(name) + gap)}${cell(value)}`,
    ...below.map((line) => `    ${oneLine(line)}`.trimEnd()),
  ]);
}

/** Names and messages are other people's text. */
const cell = (text: string): string => oneLine(text).trim() || "-";
