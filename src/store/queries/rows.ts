import type { SQL } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { WindlassError } from "../../lib/words/errors.ts";
import { and, eq, sql } from "../drizzle/orm.ts";
import { placeholdersOf, rowsOf, slotsOf, type TableWithId } from "../engine/boundary.ts";
import { asParameter, driverError } from "../engine/dialect.ts";
import { prepared } from "../engine/prepared.ts";
import type { KeyPage, Pair, Position, TimePage } from "../ports/pages.ts";
import type { QueryContext } from "./context.ts";

/** How rows of a table are spoken of, and where they are. */
export interface Rows<T extends PgTable> {
  readonly table: T;
  /** Names the prepared statements: unique in the store. */
  readonly name: string;
  /** For messages: "a workspace of this name". */
  readonly what: string;
}

/** A prepared insert of whole rows, which throws `name_taken` when a unique column's value is. */
export function inserting<T extends PgTable>({ db }: QueryContext, { table, name, what }: Rows<T>) {
  const insert = prepared<Record<string, unknown>>()(`${name}_insert`, () =>
    db
      .insert(table)
      .values(placeholdersOf(table))
      .onConflictDoNothing()
      .returning({ inserted: sql`1`.mapWith(Number) }),
  );
  return async (row: T["$inferSelect"]): Promise<void> => {
    const inserted = await insert(row);
    if (inserted.length === 0) throw taken(what);
  };
}

/** A prepared update of a whole row by its id. Throws `name_taken` when a unique value is, `not_found` without a row. */
export function saving<T extends TableWithId>({ db, dialect }: QueryContext, { table, name, what }: Rows<T>) {
  const save = prepared<Record<string, unknown>>()(`${name}_save`, () =>
    db
      .update(table)
      .set(slotsOf(table))
      .where(eq(table.id, sql.placeholder("id")))
      .returning({ id: table.id }),
  );
  return async (row: T["$inferSelect"]): Promise<void> => {
    try {
      const saved: unknown = await save(row);
      if (Array.isArray(saved) && saved.length > 0) return;
    } catch (error) {
      throw dialect.failure(driverError(error)) === "duplicate" ? taken(what) : error;
    }
    throw new WindlassError("not_found", `${what} was deleted meanwhile`);
  };
}

/** Whole rows by their id, one or many: however many ids, they are one parameter. */
export function getting<T extends TableWithId>({ db, dialect }: QueryContext, { table, name }: Rows<T>) {
  const columns = { id: table.id };
  const get = prepared<{ id: string }>()(`${name}_get`, () =>
    db
      .select()
      .from(table as TableWithId)
      .where(eq(table.id, sql.placeholder("id"))),
  );
  const byIds = prepared<{ ids: string }>()(`${name}_by_ids`, () =>
    db
      .select()
      .from(table as TableWithId)
      .where(sql`${table.id} in (select id from ${dialect.given(sql`${sql.placeholder("ids")}`, columns)})`),
  );
  return {
    get: async (id: string): Promise<T["$inferSelect"] | undefined> => rowsOf<T>(await get({ id }))[0],
    byIds: async (ids: readonly string[]): Promise<T["$inferSelect"][]> =>
      ids.length === 0
        ? []
        : rowsOf<T>(
            await byIds({
              ids: asParameter(
                ids.map((id) => ({ id })),
                columns,
              ),
            }),
          ),
  };
}

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
/** Sorts after every text that begins with the one before it. */
export const lastCharacter = "\u{10ffff}";

/** Lists in pieces that stay below either engine's limit of parameters. */
export function* chunks<T>(items: readonly T[]): Iterable<T[]> {
  for (let from = 0; from < items.length; from += 1_000) yield items.slice(from, from + 1_000);
}

const taken = (what: string) =>
  new WindlassError("name_taken", `there is already ${what} with this name: choose another, or use that one`);
