import { type AnyTable, tableNameOf } from "./boundary.ts";

type Row = Readonly<Record<string, unknown>>;

/**
 * The rows that a transaction has read by their id: it sees the same ones again until something writes into their table. Who asks for
 * a row a second time gets what was read the first time, and a row that is saved is compared with it.
 */
export class SeenRows {
  readonly #rows = new Map<string, Map<unknown, Row>>();
  #isKept = false;
  #writes = 0;

  /** Another transaction begins. In one that sees what others commit meanwhile nothing is kept. */
  begin(isKept: boolean): void {
    this.#isKept = isKept;
    this.#forgetAll();
  }

  get(table: AnyTable, id: unknown): Row | undefined {
    return this.#rows.get(tableNameOf(table))?.get(id);
  }

  /** Called before a row is asked for: what was written between the question and its answer makes the answer old. */
  asking(table: AnyTable): (row: Row) => void {
    const writes = this.#writes;
    return (row) => {
      if (!this.#isKept || writes !== this.#writes) return;
      const name = tableNameOf(table);
      const ofTable = this.#rows.get(name) ?? new Map<unknown, Row>();
      this.#rows.set(name, ofTable.set(row.id, row));
    };
  }

  /** Called before a table is written. */
  forget(table: AnyTable): void {
    this.#forget(tableNameOf(table));
  }

  /** Called with each statement before it is sent. */
  note(text: string): void {
    if (text.startsWith("select")) return;
    const [, table] = /^(?:insert into|update) "(\w+)"/.exec(text) ?? [];
    // A deletion may take rows of other tables along.
    if (table === undefined) this.#forgetAll();
    else this.#forget(table);
  }

  #forget(name: string): void {
    this.#writes += 1;
    this.#rows.delete(name);
  }

  #forgetAll(): void {
    this.#writes += 1;
    this.#rows.clear();
  }
}
