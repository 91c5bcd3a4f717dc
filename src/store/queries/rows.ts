import type { SQL } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { WindlassError } from "../../lib/words/errors.ts";
import { and, count, eq, getTableColumns, sql } from "../drizzle/orm.ts";
import {
  asserted,
  columnOf,
  type Db,
  placeholdersOf,
  rowsOf,
  slotsOf,
  someSlotsOf,
  type TableWithId,
  wholeRows,
} from "../engine/boundary.ts";
import { asParameter, driverError } from "../engine/dialect.ts";
import { type Preparable, prepared } from "../engine/prepared.ts";
import type { KeptQuestion } from "../engine/seen-rows.ts";
import type { QueryContext } from "./context.ts";

/** How rows of a table are spoken of, and where they are. */
export interface Rows<T extends PgTable> {
  readonly table: T;
  /** For messages: "a workspace of this name". */
  readonly what: string;
}

/** A prepared insert of whole rows, which throws `name_taken` when a unique column's value is. */
export function inserting<T extends PgTable>({ db, seen }: QueryContext, { table, what }: Rows<T>) {
  const insert = prepared<Record<string, unknown>>()(
    () =>
      db
        .insert(table)
        .values(placeholdersOf(table))
        .onConflictDoNothing()
        .returning({ inserted: sql`1`.mapWith(Number) }),
    (text) => seen.tellOneRow(text),
  );
  return async (row: T["$inferSelect"]): Promise<void> => {
    const written = seen.writing(table, idOf(row));
    const inserted = await insert(row);
    if (inserted.length === 0) throw taken(what);
    written(row);
  };
}

const idOf = (row: unknown): unknown => asserted<Params>(row).id;

/** A prepared update of a whole row by its id. Throws `name_taken` when a unique value is, `not_found` without a row. */
export function saving<T extends TableWithId>(context: QueryContext, { table, what }: Rows<T>) {
  const { db, dialect } = context;
  const save = savingChanges(context, table, (slots) =>
    db
      .update(table)
      .set(slots)
      .where(eq(table.id, sql.placeholder("id")))
      .returning({ id: table.id }),
  );
  return async (row: T["$inferSelect"]): Promise<void> => {
    try {
      if (isSome(await save(row))) return;
    } catch (error) {
      throw dialect.failure(driverError(error)) === "duplicate" ? taken(what) : error;
    }
    throw new WindlassError("not_found", `${what} was deleted meanwhile`);
  };
}

type Params = Readonly<Record<string, unknown>>;
type Slots<T extends PgTable> = Parameters<ReturnType<typeof updateOf<T>>["set"]>[0];
const updateOf = <T extends PgTable>(db: Db, table: T) => db.update(table);

/** So many updates of one table are kept, each of other columns. */
const mostUpdates = 64;

/**
 * A prepared update of a row that the transaction has read sets what is new of it, and of another one everything: what an index or a
 * foreign key has is not written anew for nothing. `beside` are values of the condition.
 */
export function savingChanges<T extends TableWithId, R>(
  { seen }: QueryContext,
  table: T,
  build: (slots: Slots<T>) => Preparable<R>,
): (row: T["$inferSelect"], beside?: Params, read?: T["$inferSelect"]) => Promise<R> {
  const columns = Object.keys(getTableColumns(table)).filter((name) => name !== "id");
  const tellText = (text: string) => seen.tellOneRow(text);
  const whole = prepared<Params>()(() => build(slotsOf(table)), tellText);
  const updates = new Map<string, typeof whole>();
  const updateFor = (names: readonly string[]) => {
    const key = names.join();
    const known = updates.get(key);
    if (known !== undefined || updates.size >= mostUpdates) return known ?? whole;
    const made = prepared<Params>()(() => build(someSlotsOf(table, names)), tellText);
    updates.set(key, made);
    return made;
  };
  return async (row, beside = {}, read = undefined) => {
    const after = asserted<Params>(row);
    const now = seen.get(table, after.id);
    const before = asserted<Params | undefined>(read ?? now);
    const written = seen.writing(table, after.id);
    const update = before === undefined ? whole : updateFor(changedOf(columns, before, after));
    const saved = await update({ ...after, ...beside });
    // What others have changed of the row since it was read is not known.
    if (isSome(saved) && before === now) written(after);
    return saved;
  };
}

/** The columns to set; one at least, so that the answer tells whether the row is there. */
function changedOf(columns: readonly string[], before: Params, after: Params): readonly string[] {
  const changed = columns.filter((name) => !isSame(before[name], after[name]));
  return changed.length > 0 ? changed : columns.slice(0, 1);
}

const isSome = (rows: unknown): boolean => Array.isArray(rows) && rows.length > 0;

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Deletes the row of an id. */
export const removing =
  <T extends TableWithId>({ db }: QueryContext, table: T) =>
  async (id: T["$inferSelect"]["id"]): Promise<void> => {
    await db.delete(table).where(sql`${table.id} = ${sql.param(id, table.id)}`);
  };

/** Whole rows by their id, one or many; of many those that are there, in any order. */
export function getting<T extends TableWithId>(context: QueryContext, table: T) {
  const { seen } = context;
  const byIds = manyBy(context, table, "id");
  return {
    get: one(context, table, "id"),
    byIds: async (ids: readonly Value<T, "id">[]): Promise<T["$inferSelect"][]> => {
      const known = new Map([...new Set(ids)].map((id) => [id, asserted<T["$inferSelect"]>(seen.get(table, id))]));
      const unknown = [...known].filter(([, row]) => row === undefined).map(([id]) => id);
      const remember = seen.asking(table);
      const found = await byIds(unknown);
      found.forEach(remember);
      return [...[...known.values()].filter((row) => row !== undefined), ...found];
    },
  };
}

type Name<T extends PgTable> = keyof T["$inferSelect"] & string;
type Value<T extends PgTable, N extends Name<T>> = NonNullable<T["$inferSelect"][N]>;
type Values<T extends PgTable, N extends readonly Name<T>[]> = { readonly [I in keyof N]: Value<T, N[I]> };

/** Which rows of those that are asked for, and in which order. */
interface Narrowed {
  readonly where?: SQL | undefined;
  readonly order?: readonly SQL[] | undefined;
}

/** Prepared: whole rows in which these columns have these values. */
function equal<T extends PgTable>({ db }: QueryContext, table: T, names: readonly Name<T>[], narrowed: Narrowed = {}) {
  const { where, order = [] } = narrowed;
  const isAsGiven = names.map((name) => {
    const column = columnOf(table, name);
    return sql`${column} = ${sql.param(sql.placeholder(name), column)}`;
  });
  const found = prepared<Record<string, unknown>>()(() =>
    wholeRows(db, table)
      .where(and(...isAsGiven, where))
      .orderBy(...order),
  );
  return async (values: readonly unknown[]): Promise<T["$inferSelect"][]> =>
    rowsOf<T>(await found(Object.fromEntries(names.map((name, at) => [name, values[at]]))));
}

/** The row in which these columns, which tell it, have these values: `one(context, pools, "organizationId", "name")`. */
export function one<T extends PgTable, const N extends readonly Name<T>[]>(
  context: QueryContext,
  table: T,
  ...names: N
): (...values: Values<T, N>) => Promise<T["$inferSelect"] | undefined> {
  const found = equal(context, table, names);
  const isById = names.length === 1 && names[0] === "id";
  return async (...values) => {
    const known = isById ? context.seen.get(table, values[0]) : undefined;
    if (known !== undefined) return asserted<T["$inferSelect"]>(known);
    const remember = context.seen.asking(table);
    const [row] = await found(values);
    if (row !== undefined) remember(row);
    return row;
  };
}

type NamedTable = PgTable & { readonly name: AnyPgColumn<{ data: string }> };

/** The row whose name differs from this at most in the case of ASCII letters. */
export const oneInAnyCase =
  <T extends NamedTable>({ db }: QueryContext, table: T) =>
  async (name: string, where?: SQL | undefined): Promise<T["$inferSelect"] | undefined> => {
    const isNamed = sql`lower(${table.name}) = ${sql.param(name.toLowerCase(), table.name)}`;
    const found = await wholeRows(db, table).where(and(where, isNamed));
    return rowsOf<T>(found)[0];
  };

/** The rows in which a column has a value. */
export function many<T extends PgTable, N extends Name<T>>(
  context: QueryContext,
  table: T,
  name: N,
  narrowed?: Narrowed,
): (value: Value<T, N>) => Promise<T["$inferSelect"][]> {
  const found = equal(context, table, [name], narrowed);
  return (value) => found([value]);
}

/** The same for many values of the column: however many, they are one parameter. */
export function manyBy<T extends PgTable, N extends Name<T>>(
  context: QueryContext,
  table: T,
  name: N,
  narrowed: Narrowed = {},
): (values: readonly Value<T, N>[]) => Promise<T["$inferSelect"][]> {
  const { db, dialect } = context;
  const { where, order = [] } = narrowed;
  const columns = { value: columnOf(table, name) };
  const ofOne = equal(context, table, [name], narrowed);
  const given = dialect.given(sql`${sql.placeholder("values")}`, columns);
  const found = prepared<{ values: string }>()(() =>
    wholeRows(db, table)
      .where(and(sql`${columns.value} in (select value from ${given})`, where))
      .orderBy(...order),
  );
  return async (values) => {
    if (values.length === 0) return [];
    if (values.length === 1) return ofOne(values);
    const rows = values.map((value) => ({ value }));
    return rowsOf<T>(await found({ values: asParameter(rows, columns) }));
  };
}

/**
 * A question whose answers are kept until one of its tables is written, where rows are: for tables that are asked far more often than
 * written. The answers cannot be changed.
 */
export function keepingAnswers<A extends readonly unknown[], R>(
  { seen }: QueryContext,
  question: KeptQuestion,
  ask: (...args: A) => Promise<readonly R[]>,
): (...args: A) => Promise<readonly R[]> {
  return async (...args) => {
    const about = JSON.stringify(args);
    const known = seen.answer(question, about);
    if (known !== undefined) return asserted<readonly R[]>(known);
    const remember = seen.answering(question, about);
    const found = await ask(...args);
    remember(found);
    return found;
  };
}

/** How many rows of a table there are, or how many of them are so. */
export async function counted(
  { db }: Pick<QueryContext, "db">,
  table: PgTable,
  where?: SQL | undefined,
): Promise<number> {
  const [row] = await db.select({ count: count() }).from(table).where(where);
  return row?.count ?? 0;
}

/** What is read of a list in pieces that stay below either engine's limit of parameters. */
export async function inChunks<T, R>(
  items: readonly T[],
  read: (some: T[]) => PromiseLike<readonly R[]>,
): Promise<R[]> {
  const found: R[] = [];
  for (const some of chunks(items)) found.push(...(await read(some)));
  return found;
}

/** Lists in such pieces. */
export function* chunks<T>(items: readonly T[], size = 1_000): Iterable<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** Sorts after every text that begins with the one before it. */
export const lastCharacter = "\u{10ffff}";

const taken = (what: string) =>
  new WindlassError("name_taken", `there is already ${what} with this name: choose another, or use that one`);
