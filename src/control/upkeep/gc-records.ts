import { setImmediate as nextTurn } from "node:timers/promises";
import { standingOf } from "../../domain/agents/token.ts";
import { before, requestMemoryMs } from "../../domain/people/retention.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";
import { byId, collectRows, type RowKind } from "./gc-rows.ts";

type EndedKey = Awaited<ReturnType<Queries["upkeep"]["endedKeys"]>>[number];
type EndedToken = Awaited<ReturnType<Queries["upkeep"]["endedTokens"]>>[number];

/** Forgets API keys and agent tokens that ended long ago; what their bearers did stays in the audit log. */
export async function collectKeys(control: GcControl, options: GcOptions, gone: Gone): Promise<GcCount> {
  const endedBefore = before(control.clock.now(), options.retention.endedKeysMs);
  let count = 0;
  if (endedBefore !== null) {
    const keys: RowKind<EndedKey, string> = {
      page: byId((q, page) => q.upkeep.endedKeys(endedBefore, page)),
      mayGo: async (_, key) => standingOf(key, endedBefore) !== "valid",
      remove: (tx, { id }) => tx.upkeep.deleteKey(id),
    };
    const tokens: RowKind<EndedToken, string> = {
      page: byId((q, page) => q.upkeep.endedTokens(endedBefore, page)),
      // An agent that registered with it finishes what it holds.
      mayGo: async (q, token) =>
        standingOf(token, endedBefore) !== "valid" &&
        (await q.agents.ofToken(token.id)).every(({ id }) => gone.agents.has(id)),
      remove: (tx, { id }) => tx.upkeep.deleteToken(id),
    };
    await collectRows(control, options, keys, () => void count++);
    await collectRows(control, options, tokens, () => void count++);
  }
  return { kind: "keys and tokens", count, bytes: null };
}

/** How many records one write deletes. */
const batchRows = 500;

/** Deletes audit records that are no longer kept, and request ids that are no longer remembered: by their age alone. */
export async function collectRecords(control: GcControl, options: GcOptions): Promise<readonly GcCount[]> {
  const now = control.clock.now();
  const audit = await collectOld(control, options, { table: "audit", at: before(now, options.retention.auditMs) });
  const requests = await collectOld(control, options, { table: "requests", at: before(now, requestMemoryMs) });
  return [
    { kind: "audit records", count: audit, bytes: null },
    { kind: "request ids", count: requests, bytes: null },
  ];
}

async function collectOld(
  { store }: GcControl,
  { isDryRun }: GcOptions,
  { table, at }: { readonly table: "audit" | "requests"; readonly at: Date | null },
): Promise<number> {
  if (at === null) return 0;
  if (isDryRun) return store.read((q) => q[table].countBefore(at));
  let count = 0;
  for (;;) {
    const gone = await store.step((tx) => tx[table].deleteBefore(at, batchRows));
    if (gone === 0) return count;
    count += gone;
    await nextTurn();
  }
}
