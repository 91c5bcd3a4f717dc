import type { Context } from "./context.ts";
import { count, list, toggle, watchFlag } from "./flags.ts";

/** The flags of every `list` command. */
export const listFlags = {
  limit: count("show at most this many rows (default 50)", 100_000),
  all: toggle("show every row"),
  columns: list("show these columns only", { placeholder: "A,B" }),
  noHeaders: toggle("leave the header line out"),
  watch: watchFlag,
};

interface Limits {
  readonly limit: number | undefined;
  readonly all: boolean | undefined;
}

/** One page as the API answers it. */
interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

export interface Rows<Row> {
  readonly rows: Row[];
  /** Empty if these are all. */
  readonly nextPageToken: string;
}

const defaultLimit = 50;
const maxPageSize = 1000;

/** Fetches pages until the limit is reached, and says on stderr if there is more. */
export async function fetchRows<Row>(
  context: Context,
  { limit, all }: Limits,
  fetch: (page: { pageSize: number; pageToken: string }) => Promise<Page<Row>>,
): Promise<Rows<Row>> {
  const most = all === true ? Number.POSITIVE_INFINITY : (limit ?? defaultLimit);
  const rows: Row[] = [];
  let pageToken = "";
  while (rows.length < most) {
    const page = await fetch({ pageSize: Math.min(maxPageSize, most - rows.length), pageToken });
    rows.push(...page.rows);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  if (pageToken !== "") context.notes.say(`(the first ${rows.length} rows; for the rest: --all)`);
  return { rows, nextPageToken: pageToken };
}
