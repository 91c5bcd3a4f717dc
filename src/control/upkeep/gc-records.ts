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

/**
 * Deletes audit records that are no longer kept, request ids that are no longer remembered, and browser sessions that have
 * ended: by their age alone.
 */
export async function collectRecords(control: GcControl, options: GcOptions): Promise<readonly GcCount[]> {
  const now = control.clock.now();
  const audit = await collectOld(control, options, ofAge("audit", before(now, options.retention.auditMs)));
  const requests = await collectOld(control, options, ofAge("requests", before(now, requestMemoryMs)));
  const sessions = await collectOld(control, options, {
    count: (q) => q.browserSessions.countEnded(now),
    remove: (tx, limit) => tx.browserSessions.deleteEnded(now, limit),
  });
  return [
    { kind: "audit records", count: audit, bytes: null },
    { kind: "request ids", count: requests, bytes: null },
    { kind: "browser sessions", count: sessions, bytes: null },
  ];
}

/** Rows that go by their age alone. */
interface OldRows {
  readonly count: (q: Queries) => Promise<number>;
  /** Deletes at most so many; answers how many. */
  readonly remove: (tx: Queries, limit: number) => Promise<number>;
}

const ofAge = (table: "audit" | "requests", at: Date | null): OldRows => ({
  count: async (q) => (at === null ? 0 : q[table].countBefore(at)),
  remove: async (tx, limit) => (at === null ? 0 : tx[table].deleteBefore(at, limit)),
});

async function collectOld({ store }: GcControl, { isDryRun }: GcOptions, rows: OldRows): Promise<number> {
  if (isDryRun) return store.read(rows.count);
  let count = 0;
  for (;;) {
    const gone = await store.step((tx) => rows.remove(tx, batchRows));
    if (gone === 0) return count;
    count += gone;
    await nextTurn();
  }
}
