import type { Upload } from "../../store/ports/store.ts";
import type { GcControl, GcCount, GcOptions } from "./gc-counts.ts";
import { byId, collectRows, type RowKind } from "./gc-rows.ts";

/** Who has not finished an upload by then begins it again. */
const unfinishedMs = 24 * 3_600_000;

/** Forgets uploads that came in parts and were not used. Their objects go as those that nothing refers to. */
export async function collectUploads(control: GcControl, options: GcOptions): Promise<GcCount> {
  const before = new Date(control.clock.now().getTime() - unfinishedMs);
  let count = 0;
  let bytes = 0;
  const kind: RowKind<Upload, string> = {
    page: byId((q, page) => q.uploads.begunBefore(before, page)),
    mayGo: async (q, { id }) => (await q.uploads.get(id)) !== undefined,
    remove: (tx, { id }) => tx.uploads.delete(id),
  };
  await collectRows(control, options, kind, ({ received }) => {
    count += 1;
    bytes += received;
  });
  return { kind: "unfinished uploads", count, bytes };
}
