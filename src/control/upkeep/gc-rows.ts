import { setImmediate as nextTurn } from "node:timers/promises";
import type { Queries } from "../../store/ports/store.ts";
import type { GcControl, GcOptions } from "./gc-counts.ts";

/** How rows of one kind are found and deleted. */
export interface RowKind<Row, After> {
  /** Some of those that might go, and after what to read on; null at the end. */
  page(q: Queries, after: After | null): Promise<{ readonly rows: readonly Row[]; readonly next: After | null }>;
  /** Looked at again where it is deleted: somebody may have taken it up since. */
  mayGo(q: Queries, row: Row): Promise<boolean>;
  remove(tx: Queries, row: Row): Promise<void>;
}

/** How many rows one write deletes: none holds up the others for long. */
const batchRows = 25;

/** Deletes rows page by page, and tells of each that went, or would go. */
export async function collectRows<Row, After>(
  { store }: Pick<GcControl, "store">,
  { isDryRun }: Pick<GcOptions, "isDryRun">,
  kind: RowKind<Row, After>,
  gone: (row: Row) => void,
): Promise<void> {
  for (let after: After | null = null; ; ) {
    const from: After | null = after;
    const page: Awaited<ReturnType<typeof kind.page>> = await store.read((q) => kind.page(q, from));
    for (const rows of batches(page.rows)) {
      const went = await (isDryRun
        ? store.read((q) => expendable(q, kind, rows))
        : store.write(async (tx) => {
            const chosen = await expendable(tx, kind, rows);
            for (const row of chosen) await kind.remove(tx, row);
            return chosen;
          }));
      for (const row of went) gone(row);
      await nextTurn();
    }
    if (page.next === null) return;
    after = page.next;
    await nextTurn(); // reads of SQLite settle without one: calls and heartbeats come in between
  }
}

async function expendable<Row, After>(q: Queries, kind: RowKind<Row, After>, rows: readonly Row[]): Promise<Row[]> {
  const chosen: Row[] = [];
  for (const row of rows) if (await kind.mayGo(q, row)) chosen.push(row);
  return chosen;
}

function* batches<Row>(rows: readonly Row[]): Iterable<readonly Row[]> {
  for (let from = 0; from < rows.length; from += batchRows) yield rows.slice(from, from + batchRows);
}

/** A page in the order of ids as a collection reads it on. */
export const byId =
  <Row extends { readonly id: string }>(
    read: (q: Queries, page: { readonly after: string | null; readonly limit: number }) => Promise<readonly Row[]>,
  ): RowKind<Row, string>["page"] =>
  async (q, after) => {
    const rows = await read(q, { after, limit: pageRows });
    return { rows, next: rows.length < pageRows ? null : (rows.at(-1)?.id ?? null) };
  };

/** How many rows one look reads. */
export const pageRows = 200;
