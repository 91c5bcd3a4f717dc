import type { SQL } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { and, asc, desc, sql } from "../drizzle/orm.ts";
import { rowsOf, type TableWithId, wholeRows } from "../engine/boundary.ts";
import type { IdPage, KeyPage, Pair, Position, RowCount, Slice, Sliced, TimePage } from "../ports/pages.ts";
import type { QueryContext } from "./context.ts";
import { counted } from "./rows.ts";

type TableWithName = PgTable & { readonly name: AnyPgColumn<{ data: string }> };

/** A table in the order of a unique name. */
export const inOrderOfName = <T extends TableWithName>({ db }: QueryContext, table: T) => ({
  page: async (where: SQL | undefined, page: KeyPage<string>): Promise<T["$inferSelect"][]> =>
    rowsOf<T>(
      await wholeRows(db, table)
        .where(and(where, afterName(table.name, page)))
        .orderBy(asc(table.name))
        .limit(page.limit),
    ),
  /** The name of the so many-th row after one; null if there are not so many. */
  placeAfter: async (where: SQL | undefined, { after, rows }: RowCount): Promise<string | null> => {
    const [place] = await db
      .select({ name: table.name })
      .from(table as TableWithName)
      .where(and(where, afterName(table.name, { after })))
      .orderBy(asc(table.name))
      .limit(1)
      .offset(rows - 1);
    return place?.name ?? null;
  },
});

interface Sorted {
  readonly where: SQL | undefined;
  readonly order: readonly SQL[];
}

/** A counted part of a table. */
export const sliceOf = async <T extends TableWithId>(
  { db }: QueryContext,
  table: T,
  { where, order }: Sorted,
  { offset, limit }: Slice,
): Promise<Sliced<T["$inferSelect"]>> => ({
  rows: rowsOf<T>(
    await wholeRows(db, table)
      .where(where)
      .orderBy(...order)
      .limit(limit)
      .offset(offset),
  ),
  total: await counted({ db }, table, where),
});

type Instant = AnyPgColumn<{ data: Date; notNull: true }>;

/** A table newest first, by a time and the id. */
export const newestFirst = <T extends TableWithId>({ db }: QueryContext, table: T, at: Instant) => ({
  page: async (where: SQL | undefined, page: TimePage): Promise<T["$inferSelect"][]> =>
    rowsOf<T>(
      await wholeRows(db, table)
        .where(and(where, beforeInstant(at, table.id, page)))
        .orderBy(desc(at), desc(table.id))
        .limit(page.limit),
    ),
  /** A part of it, counted. */
  slice: async (where: SQL | undefined, { offset, limit }: Slice): Promise<Sliced<T["$inferSelect"]>> => {
    const rows = wholeRows(db, table).where(where);
    return {
      rows: rowsOf<T>(await rows.orderBy(desc(at), desc(table.id)).limit(limit).offset(offset)),
      total: await counted({ db }, table, where),
    };
  },
  /** Where the list stands after so many rows; null if there are not so many. */
  placeAfter: async (
    where: SQL | undefined,
    { before, rows }: { readonly before: Position | null; readonly rows: number },
  ): Promise<Position | null> => {
    const [place] = await db
      .select({ at, id: table.id })
      .from(table as TableWithId)
      .where(and(where, beforeInstant(at, table.id, { before })))
      .orderBy(desc(at), desc(table.id))
      .limit(1)
      .offset(rows - 1);
    return place ?? null;
  },
});

/** Rows in the order of their ids. */
export const pageById = async <T extends TableWithId>(
  { db }: QueryContext,
  { table, where }: { readonly table: T; readonly where?: SQL | undefined },
  page: IdPage,
): Promise<T["$inferSelect"][]> =>
  rowsOf<T>(
    await wholeRows(db, table)
      .where(and(where, afterId(table.id, page)))
      .orderBy(asc(table.id))
      .limit(page.limit),
  );

/** The rows of a page whose id sorts after the page's position. */
export const afterId = (id: AnyPgColumn, { after }: Pick<IdPage, "after">): SQL | undefined =>
  after === null ? undefined : sql`${id} > ${sql.param(after, id)}`;

type Keys<K> = Omit<KeyPage<K>, "limit">;

/** The rows of a page whose name sorts after the page's position. */
export const afterName = (column: AnyPgColumn, { after, upTo = null }: Keys<string>): SQL | undefined =>
  and(
    after === null ? undefined : sql`${column} > ${sql.param(after, column)}`,
    upTo === null ? undefined : sql`${column} <= ${sql.param(upTo, column)}`,
  );

/** The same for pages in the order of two columns. */
export function afterPair(
  first: AnyPgColumn,
  second: AnyPgColumn,
  { after, upTo = null }: Keys<Pair>,
): SQL | undefined {
  const place = ([a, b]: Pair) => sql`(${sql.param(a, first)}, ${sql.param(b, second)})`;
  return and(
    after === null ? undefined : sql`(${first}, ${second}) > ${place(after)}`,
    upTo === null ? undefined : sql`(${first}, ${second}) <= ${place(upTo)}`,
  );
}

/** The rows older than the page's position, for lists in descending order of both columns. */
export function beforeInstant(
  at: AnyPgColumn,
  id: AnyPgColumn,
  { before, downTo = null }: Omit<TimePage, "limit">,
): SQL | undefined {
  return and(
    before === null ? undefined : sql`(${at}, ${id}) < ${placeOf(at, id, before)}`,
    downTo === null ? undefined : sql`(${at}, ${id}) >= ${placeOf(at, id, downTo)}`,
  );
}

/** The rows newer than one position and no newer than another, for lists in ascending order of both columns. */
export function afterInstant(
  at: AnyPgColumn,
  id: AnyPgColumn,
  { after, upTo = null }: { readonly after: Position | null; readonly upTo?: Position | null },
): SQL | undefined {
  return and(
    after === null ? undefined : sql`(${at}, ${id}) > ${placeOf(at, id, after)}`,
    upTo === null ? undefined : sql`(${at}, ${id}) <= ${placeOf(at, id, upTo)}`,
  );
}

const placeOf = (at: AnyPgColumn, id: AnyPgColumn, position: Position): SQL =>
  sql`(${sql.param(position.at, at)}, ${sql.param(position.id, id)})`;
