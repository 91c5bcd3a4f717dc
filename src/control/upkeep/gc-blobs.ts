import { setImmediate as nextTurn } from "node:timers/promises";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";

const pageRows = 1_000;
/** An upload's row follows its object; none takes this long. */
const uploadMs = 3_600_000;

const tables = ["configurations", "runs", "states", "stateAnnouncements", "uploads"] as const;

/**
 * Forgets objects that no row needs and that were last put more than an hour ago. Rows are read first: one that is written
 * meanwhile has put its object just before, also if the same content was there already.
 */
export async function collectBlobs(control: GcControl, { isDryRun }: GcOptions, gone: Gone): Promise<GcCount> {
  const { blobs, clock } = control;
  const putBefore = new Date(clock.now().getTime() - uploadMs);
  const needed = await neededBlobs(control, gone);
  let count = 0;
  let bytes = 0;
  for await (const blob of blobs.list({ isTidying: !isDryRun })) {
    if (blob.storedAt >= putBefore || needed.has(blob.key)) continue;
    if (!isDryRun && !(await blobs.deleteIfOlder(blob.key, putBefore))) continue;
    count += 1;
    bytes += blob.bytes;
  }
  return { kind: "orphaned objects", count, bytes };
}

/** The keys of all objects that rows need, but for the rows that have gone, or would have. */
async function neededBlobs(
  { store }: Pick<GcControl, "store">,
  { runs, configurations, states, announcements }: Gone,
): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  for (const table of tables) {
    for (let after: string | null = null; ; ) {
      const page: { readonly after: string | null; readonly limit: number } = { after, limit: pageRows };
      const rows = await store.read((q) => q.upkeep.blobUses(table, page));
      for (const { id, keys } of rows) {
        if ([runs, configurations, states, announcements].some((gone) => gone.has(id))) continue;
        for (const key of keys) needed.add(key);
      }
      if (rows.length < pageRows) break;
      await nextTurn();
      after = rows.at(-1)?.id ?? null;
    }
  }
  return needed;
}
