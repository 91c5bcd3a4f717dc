import { count, list, toggle, watchFlag } from "../line/flags.ts";
import type { Context } from "../server/context.ts";
import { columnKey } from "../terminal/table.ts";

type Named = readonly { readonly name: string }[];

/** The flags of whatever prints a table of these columns. */
export const tableFlags = (columns: Named) => ({
  columns: {
    ...list("show these columns only", { placeholder: "A,B" }),
    choices: [...new Set(columns.map(({ name }) => columnKey(name)))],
  },
  noHeaders: toggle("leave the header line out"),
});

/** The flags of every `list` command. */
export const listFlags = (columns: Named) => ({
  limit: count("show at most this many rows (default 50; all in a pipe, but for histories)", 100_000),
  all: toggle("show every row"),
  ...tableFlags(columns),
  watch: watchFlag,
});

/** How many rows somebody wants. */
export interface ListLimits {
  readonly limit: number | undefined;
  readonly all: boolean | undefined;
  /** True for a list of what happened, which only grows: a pipe too gets the newest of it. */
  readonly isHistory?: boolean | undefined;
}

/** One page as the API answers it. */
interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

export interface ListRows<Row> {
  readonly rows: Row[];
  /** Empty if these are all. */
  readonly nextPageToken: string;
}

/** On a terminal, and of lists that grow for ever. */
const defaultLimit = 50;
const maxPageSize = 1000;

/** What is asked of a page. */
export interface PageRange {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** The pages of an answer one after the other, as the reader asks for them: one is in memory at a time. */
export async function* everyPage<P extends { readonly nextPageToken: string }>(
  fetch: (page: PageRange) => Promise<P>,
): AsyncGenerator<P, void> {
  for (let pageToken = ""; ; ) {
    const page = await fetch({ pageSize: maxPageSize, pageToken });
    yield page;
    pageToken = page.nextPageToken;
    if (pageToken === "") return;
  }
}

/** All rows of an answer, whatever its pages are. */
export async function everyRow<P extends { readonly nextPageToken: string }, Row>(
  fetch: (page: PageRange) => Promise<P>,
  rowsOf: (page: P) => readonly Row[],
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of everyPage(fetch)) rows.push(...rowsOf(page));
  return rows;
}

/** Fetches pages until the limit is reached, and says on stderr, below the answer, if there is more. */
export async function fetchRows<Row>(
  context: Context,
  { limit, all, isHistory }: ListLimits,
  fetch: (page: { pageSize: number; pageToken: string }) => Promise<Page<Row>>,
): Promise<ListRows<Row>> {
  const isShort = isHistory === true || context.printer.isTty;
  const most = all === true ? Number.POSITIVE_INFINITY : (limit ?? (isShort ? defaultLimit : Number.POSITIVE_INFINITY));
  const rows: Row[] = [];
  let pageToken = "";
  while (rows.length < most) {
    const page = await fetch({ pageSize: Math.min(maxPageSize, most - rows.length), pageToken });
    rows.push(...page.rows);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  if (pageToken !== "") context.notes.afterwards(`(the first ${rows.length} rows; for the rest: --all)`);
  return { rows, nextPageToken: pageToken };
}
