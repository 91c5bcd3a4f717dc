import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import type { Queries, Store } from "../../store/ports/store.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { PoolHistories } from "./pool-history.ts";
import { createPool } from "./pools.ts";

let fixture: TestControl;
let pool: AgentPool;
let workspace: Workspace;

beforeEach(async () => {
  fixture = await openTestControl();
  ({ pool } = await createPool(fixture.control, fixture.as("owner"), newPool("prod")));
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("dns")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const ago = (seconds: number) => new Date(fixture.clock.now().getTime() - seconds * 1_000);

/** A run of which one job was queued, started and ended so many seconds ago. */
async function ran(tx: Queries, queued: number, started: number | null, ended: number | null) {
  const endedAt = ended === null ? null : ago(ended);
  const run = runRow(workspace, { status: endedAt === null ? "planning" : "applied", createdAt: ago(queued), endedAt });
  const startedAt = started === null ? null : ago(started);
  const status = endedAt !== null ? "finished" : startedAt !== null ? "started" : "queued";
  await tx.runs.insert(run);
  await tx.jobs.insert(jobRow(run, { poolId: pool.id, queuedAt: ago(queued), startedAt, endedAt, status }));
}

test("the last hour of a pool, from its jobs", async () => {
  await fixture.control.store.write(async (tx) => {
    await ran(tx, 7_000, 6_900, 6_800);
    await ran(tx, 130, 125, 70);
    await ran(tx, 130, null, null);
    await ran(tx, 65, 62, null);
  });
  const history = await new PoolHistories(fixture.control).get(fixture.as("reader"), ref("prod"));
  expect(history.minutes).toHaveLength(60);
  expect(history).toMatchObject({ started: 2, p50Ms: 3_000, p95Ms: 5_000 });
  expect(history.minutes.at(-1)).toMatchObject({ queued: 1, running: 1, started: 0, p50Ms: null });
  expect(Math.max(...history.minutes.map(({ queued }) => queued))).toBe(2);
});

test("of so many runs that not all are looked at, only the minutes are told of which all is known", {
  timeout: 120_000,
}, async () => {
  await fixture.control.store.write(async (tx) => {
    for (let n = 0; n < 40 * 500; n++) await ran(tx, 600, 600, 600 - (n % 300));
    for (let n = 0; n < 500; n++) await ran(tx, 2_000, 2_000, 1_900);
  });
  const { minutes } = await new PoolHistories(fixture.control).get(fixture.as("reader"), ref("prod"));
  expect(minutes.length).toBeGreaterThanOrEqual(9);
  expect(minutes.length).toBeLessThanOrEqual(11);
});

test("who asks within a few seconds gets the same, worked out once; a failure is not remembered; others see nothing", async () => {
  const { store } = fixture.control;
  let isBroken = true;
  let looks = 0;
  const counted = async <T>(fn: (q: Queries) => Promise<T>): Promise<T> =>
    store.read((q) =>
      fn({
        ...q,
        jobs: {
          ...q.jobs,
          timesOfActiveRuns: async (...asked) => {
            looks += 1;
            if (isBroken) throw new Error("broken");
            return q.jobs.timesOfActiveRuns(...asked);
          },
        },
      }),
    );
  const watched: Store = { ...store, read: counted };
  const histories = new PoolHistories({ store: watched, clock: fixture.clock });
  const get = () => histories.get(fixture.as("reader"), ref("prod"));
  await expect(get()).rejects.toThrow("broken");
  isBroken = false;
  await Promise.all(Array.from({ length: 50 }, get));
  expect(looks).toBe(2);
  await fixture.clock.advance(5_000);
  await get();
  expect(looks).toBe(3);
  await expect(histories.get(fixture.as("owner", fixture.sibling), ref(pool.id))).rejects.toMatchObject({
    code: "not_found",
  });
});
