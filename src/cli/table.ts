import Table from "cli-table3";
import { usageError } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

/** One column of a table of `Row`s. */
export interface Column<Row> {
  /** In capitals, as it is shown. */
  readonly name: string;
  /** Shown only with `-o wide` or when asked for by `--columns`. */
  readonly isWide?: boolean;
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
    const found = columns.find(({ name }) => key(name) === key(given));
    if (found !== undefined) return found;
    const names = columns.map(({ name }) => key(name));
    throw usageError(`unknown column "${given}".${didYouMean(key(given), names)} There are: ${names.join(", ")}`);
  });
}

const key = (name: string): string => name.toLowerCase().replaceAll(" ", "-");

interface Layout {
  readonly isHeaderShown: boolean;
  /** Lines are cut to this width; undefined is not cut. */
  readonly width: number | undefined;
  readonly now: Date;
}

/** The lines of a table without borders, two spaces between columns. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { isHeaderShown, width, now }: Layout,
): readonly string[] {
  const cells = rows.map((row) => columns.map(({ value }) => cell(value(row, now))));
  const all = isHeaderShown ? [columns.map(({ name }) => name), ...cells] : cells;
  return borderless(all).map((line) => cut(line, width));
}

/** Lines of `Name:  value`, the values aligned; entries without a value are left out. */
export function detailLines(entries: readonly (readonly [string, string])[]): readonly string[] {
  const shown = entries.filter(([, value]) => value !== "").map(([name, value]) => [`${name}:`, cell(value)]);
  return borderless(shown);
}

const edges = ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"];
const inner = ["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"];
const noBorders = Object.fromEntries([...edges, ...inner].map((name) => [name, ""]));

function borderless(rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const table = new Table({
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

/** Names and messages are other people's text: control characters would act on the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]+/g;

const cell = (text: string): string => {
  const safe = text.replace(controls, " ").trim();
  return safe === "" ? "-" : safe;
};

/** The text without characters that act on a terminal, on one line. */
export const safeText = (text: string): string => text.replace(controls, " ");

function cut(line: string, width: number | undefined): string {
  if (width === undefined || line.length <= width) return line;
  return `${line.slice(0, Math.max(1, width - 1))}…`;
}
