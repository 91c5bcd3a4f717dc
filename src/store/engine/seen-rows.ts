import { type AnyTable, columnsOf, tableNameOf } from "./boundary.ts";

type Row = Readonly<Record<string, unknown>>;

/** How much is kept: about so many bytes, and of rows that were asked for longer ago at least half. */
const mostBytes = 8 * 2 ** 20;
/** One row that is larger is not kept. */
const mostRowBytes = mostBytes / 32;

interface Kept {
  readonly row: Row;
  readonly bytes: number;
}

/** A question that is asked with other values again and again. */
export interface KeptQuestion {
  /** Tells it from others, and from tables. */
  readonly text: string;
  /** What its answers are made of. */
  readonly tables: readonly AnyTable[];
}

/** Rows by table and id. */
class Generation {
  readonly #tables = new Map<string, Map<unknown, Kept>>();
  bytes = 0;

  get(table: string, id: unknown): Kept | undefined {
    return this.#tables.get(table)?.get(id);
  }

  set(table: string, id: unknown, kept: Kept): void {
    this.delete(table, id);
    const ofTable = this.#tables.get(table) ?? new Map<unknown, Kept>();
    this.#tables.set(table, ofTable.set(id, kept));
    this.bytes += kept.bytes;
  }

  delete(table: string, id: unknown): void {
    const ofTable = this.#tables.get(table);
    this.bytes -= ofTable?.get(id)?.bytes ?? 0;
    ofTable?.delete(id);
  }

  deleteTable(table: string): void {
    for (const { bytes } of this.#tables.get(table)?.values() ?? []) this.bytes -= bytes;
    this.#tables.delete(table);
  }

  clear(): void {
    this.#tables.clear();
    this.bytes = 0;
  }
}

/**
 * The rows that were read or written by their id, as the connection sees them: who asks for one again gets it without a
 * question, and a row that is saved is compared with it. On PostgreSQL, where others write as well, they are those of one transaction. On
 * SQLite all statements pass here, one transaction after the other, so that rows last until something writes them, or the write that made them is undone.
 */
export class SeenRows {
  readonly #isLasting: boolean;
  #isKept: boolean;
  /** Rows asked for lately, and those before: the older ones go when the younger ones are many. */
  #young = new Generation();
  #old = new Generation();
  /** How often each table was written. */
  readonly #writes = new Map<string, number>();
  #writesOfAll = 0;
  /** What was written since `begin`: whole tables, or rows of them. */
  readonly #written = new Map<string, Set<unknown> | "all">();
  #isAllWritten = false;
  /** Statements that write one row, of which `writing` is told. */
  readonly #ofOneRow = new Set<string>();

  constructor({ isLasting }: { readonly isLasting: boolean }) {
    this.#isLasting = isLasting;
    this.#isKept = isLasting;
  }

  /** Another transaction begins. In one that sees what others commit meanwhile nothing is kept. */
  begin(isKept: boolean): void {
    this.#written.clear();
    this.#isAllWritten = false;
    if (this.#isLasting) return;
    this.#isKept = isKept;
    this.forgetAll();
  }

  /** What was written since `begin` is undone. */
  undo(): void {
    if (this.#isAllWritten) this.forgetAll();
    for (const [table, ids] of [...this.#written]) {
      if (ids === "all") this.#forgetTable(table);
      else for (const id of ids) this.#forgetRow(table, id);
    }
  }

  get(table: AnyTable, id: unknown): Row | undefined {
    return this.#find(tableNameOf(table), id);
  }

  /** Called before a row is asked for: what was written between the question and its answer makes the answer old. */
  asking(table: AnyTable): (row: Row) => void {
    const name = tableNameOf(table);
    const before = this.#writesInto(name);
    return (row) => {
      if (typeof row.id === "string" && this.#isKept && this.#writesInto(name) === before)
        this.#keep(name, row.id, row);
    };
  }

  /** What was answered to a question, in an array, until one of its tables is written. */
  answer({ text, tables }: KeptQuestion, about: string): readonly unknown[] | undefined {
    const kept = this.#find(text, about);
    return kept !== undefined && kept.writes === this.#writesOf(tables) ? asArray(kept.answer) : undefined;
  }

  /** Called before a question is asked, as `asking`. Answers last only where rows do. */
  answering({ text, tables }: KeptQuestion, about: string): (answer: readonly unknown[]) => void {
    const writes = this.#writesOf(tables);
    return (answer) => {
      if (!this.#isLasting || this.#writesOf(tables) !== writes) return;
      this.#keep(text, about, { writes, answer });
    };
  }

  /**
   * Called before one row is written, by a statement that `tellOneRow` has named; the answer takes the row as it is then, once it is
   * known to be written.
   */
  writing(table: AnyTable, id: unknown): (row: Row) => void {
    const name = tableNameOf(table);
    this.#forgetRow(name, id);
    const before = this.#writesInto(name);
    return (row) => {
      if (typeof id === "string" && this.#isLasting && this.#writesInto(name) === before)
        this.#keep(name, id, asRead(table, row));
    };
  }

  /** The text of a statement that writes the one row of which `writing` is told. */
  tellOneRow(text: string): void {
    this.#ofOneRow.add(text);
  }

  /** Called before a table is written. */
  forget(table: AnyTable): void {
    this.#forgetTable(tableNameOf(table));
  }

  /** Called with each statement before it is sent. */
  note(text: string): void {
    if (text.startsWith("select") || this.#ofOneRow.has(text)) return;
    const [, table] = /^(?:insert into|update) "(\w+)"/.exec(text) ?? [];
    // A deletion may take rows of other tables along.
    if (table === undefined) this.forgetAll();
    else this.#forgetTable(table);
  }

  forgetAll(): void {
    this.#isAllWritten = true;
    this.#writesOfAll += 1;
    this.#young.clear();
    this.#old.clear();
  }

  /** Grows with each write of the table. */
  #writesInto(table: string): number {
    return this.#writesOfAll + (this.#writes.get(table) ?? 0);
  }

  #writesOf(tables: readonly AnyTable[]): number {
    return tables.reduce((sum, table) => sum + this.#writesInto(tableNameOf(table)), 0);
  }

  #find(table: string, id: unknown): Row | undefined {
    const young = this.#young.get(table, id);
    if (young !== undefined) return young.row;
    const old = this.#old.get(table, id);
    if (old === undefined) return undefined;
    this.#old.delete(table, id);
    this.#put(table, id, old);
    return old.row;
  }

  #keep(table: string, id: unknown, row: Row): void {
    const bytes = frozen(row);
    if (bytes > mostRowBytes) return;
    this.#old.delete(table, id);
    this.#put(table, id, { row, bytes });
  }

  #put(table: string, id: unknown, kept: Kept): void {
    this.#young.set(table, id, kept);
    if (this.#young.bytes <= mostBytes / 2) return;
    this.#old = this.#young;
    this.#young = new Generation();
  }

  #forgetRow(table: string, id: unknown): void {
    this.#wrote(table);
    const ids = this.#written.get(table) ?? new Set();
    if (ids !== "all") this.#written.set(table, ids.add(id));
    this.#young.delete(table, id);
    this.#old.delete(table, id);
  }

  #forgetTable(table: string): void {
    this.#wrote(table);
    this.#written.set(table, "all");
    this.#young.deleteTable(table);
    this.#old.deleteTable(table);
  }

  #wrote(table: string): void {
    this.#writes.set(table, (this.#writes.get(table) ?? 0) + 1);
  }
}

const asArray = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined);

/** A row that was written, as a question would find it: its columns, each value a copy that its column has made. */
function asRead(table: AnyTable, row: Row): Row {
  const read: Record<string, unknown> = {};
  for (const [name, column] of columnsOf(table)) {
    const value = row[name] ?? null;
    if (value === null || typeof value === "string" || typeof value === "boolean") read[name] = value;
    else if (value instanceof Uint8Array) read[name] = value.slice();
    else read[name] = column.mapFromDriverValue(column.mapToDriverValue(value));
  }
  return read;
}

/** Keeps a value and its parts from being changed; answers about what they take in memory. */
function frozen(value: unknown): number {
  if (typeof value === "string") return 16 + value.length;
  if (typeof value !== "object" || value === null) return 8;
  if (value instanceof Date) return 48;
  if (value instanceof Uint8Array) return 64 + value.byteLength;
  let bytes = 32;
  for (const part of Object.values(Object.freeze(value))) bytes += 8 + frozen(part);
  return bytes;
}
