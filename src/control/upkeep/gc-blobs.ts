import { setImmediate as nextTurn } from "node:timers/promises";
import type { ListedStream } from "../../store/ports/logs.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";

const pageRows = 1_000;
/** An upload's row follows its object; none takes this long. */
const uploadMs = 3_600_000;

type GoneRows = {
  readonly [Kind in "runs" | "configurations" | "states" | "announcements" | "logs"]: ReadonlySet<string>;
};

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
  const orphans = new Map<string, number>();
  const collect = async (): Promise<void> => {
    const keys = [...orphans.keys()];
    for (const key of isDryRun ? keys : await blobs.deleteOlder(keys, putBefore)) {
      count += 1;
      bytes += orphans.get(key) ?? 0;
    }
    orphans.clear();
  };
  for await (const blob of blobs.list({ isTidying: !isDryRun })) {
    if (blob.storedAt >= putBefore || needed.has(blob.key)) continue;
    orphans.set(blob.key, blob.bytes);
    if (orphans.size >= pageRows) await collect();
  }
  await collect();
  return { kind: "orphaned objects", count, bytes };
}

/** How many objects that rows need are not there. */
export async function missingBlobs(control: Pick<GcControl, "store" | "logs" | "blobs">): Promise<number> {
  const none: ReadonlySet<string> = new Set();
  const nothing = { runs: none, configurations: none, states: none, announcements: none, logs: none };
  const needed = await neededBlobs(control, nothing);
  let there = 0;
  for await (const { key } of control.blobs.list()) if (needed.has(key)) there += 1;
  return needed.size - there;
}

/** The keys of all objects that rows need, but for the rows that have gone, or would have. */
async function neededBlobs(
  { store, logs }: Pick<GcControl, "store" | "logs">,
  { runs, configurations, states, announcements, logs: goneLogs }: GoneRows,
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
  for (let after: string | null = null; ; ) {
    const streams: readonly ListedStream[] = await logs.list(after, pageRows);
    for (const { name, archive } of streams) if (archive !== null && !goneLogs.has(name)) needed.add(archive);
    if (streams.length < pageRows) break;
    await nextTurn();
    after = streams.at(-1)?.name ?? null;
  }
  return needed;
}
