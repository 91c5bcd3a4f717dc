import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import {
  at,
  claimedJob,
  configuration,
  job,
  organization,
  run,
  variable,
  workspace,
} from "../../../test/support/store/rows.ts";
import { keysOf } from "../../lib/values/records.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { openStore } from "../open.ts";
import type { Queries, Store } from "../ports/store.ts";

const numbers = [1, 2, 3] as const;
type Numbered = (typeof numbers)[number];
const runId = (n: Numbered): RunId => `run_${n}`;
const ownJob = (n: Numbered) => ({ id: `job_${n}`, runId: runId(n), poolId: null, tokenHash: `hash ${n}` }) as const;

/** What a transaction may do about the run of a number and its job. */
const steps = {
  get: async (q: Queries, n: Numbered) => {
    await q.runs.get(runId(n));
    await q.jobs.get(`job_${n}`);
  },
  getMany: async (q: Queries) => {
    await q.runs.byIds(numbers.map(runId));
  },
  insert: async (q: Queries, n: Numbered) => {
    if ((await q.runs.get(runId(n))) !== undefined) return;
    await q.runs.insert(run({ id: runId(n), warnings: ["one"] }));
    await q.jobs.insert(job(ownJob(n)));
  },
  insertAgain: async (q: Queries, n: Numbered) => {
    await q.runs.insert(run({ id: runId(n), message: "never" })).catch(() => {});
  },
  save: async (q: Queries, n: Numbered, value: number) => {
    const row = await q.runs.get(runId(n));
    if (row !== undefined) await q.runs.save({ ...row, planBytes: value, endedAt: at(value), warnings: [`${value}`] });
  },
  saveUnread: async (q: Queries, n: Numbered, value: number) => {
    await q.jobs.save({ ...job(ownJob(n)), rank: value }).catch(() => {});
  },
  saveTheSame: async (q: Queries, n: Numbered) => {
    const row = await q.jobs.get(`job_${n}`);
    if (row !== undefined) await q.jobs.save(row);
  },
  claim: async (q: Queries, n: Numbered, value: number) => {
    const read = await q.jobs.get(`job_${n}`);
    const claimed = { ...claimedJob(ownJob(n)), epoch: (read?.epoch ?? 0) + 1, leaseUntil: at(value) };
    await q.jobs.saveIf(claimed, { epoch: value % 3, status: value % 2 === 0 ? "queued" : "offered", read });
  },
  claimOld: async (q: Queries, n: Numbered, value: number) => {
    const read = job(ownJob(n));
    await q.jobs.saveIf({ ...read, urgency: 0, attempt: value }, { epoch: 0, status: "queued", read });
  },
  renew: (q: Queries, n: Numbered, value: number) =>
    q.jobs.renew([{ jobId: `job_${n}`, epoch: 1, until: at(1_000 + value) }]),
  capAll: (q: Queries, _: Numbered, value: number) => q.jobs.capAll(at(value)),
  delete: (q: Queries, n: Numbered) => q.upkeep.deleteRun(runId(n)),
  setVariable: async (q: Queries, n: Numbered, value: number) => {
    const found = await q.variables.byKey("ws_1", "terraform", `key ${n}`);
    if (found !== undefined) await q.variables.save({ ...found, value: `${value}` });
    else await q.variables.insert(variable({ id: `var_${n}`, workspaceId: "ws_1", key: `key ${n}` }));
  },
  deleteVariable: (q: Queries, n: Numbered) => q.variables.delete("ws_1", "terraform", `key ${n}`),
  variables: (q: Queries) => q.variables.all("ws_1"),
  compare: (q: Queries) => expectTruth(q),
  refuse: async () => {
    throw new Error("changed my mind");
  },
} satisfies Record<string, (q: Queries, n: Numbered, value: number) => Promise<unknown>>;

/** What is found by id is what a question that is always asked finds. */
async function expectTruth(q: Queries): Promise<void> {
  const ids = numbers.map(runId);
  const everything = { organizationId: "org_1", workspaceId: null, statuses: null } as const;
  const runs = new Map((await q.runs.list(everything, { before: null, limit: 9 })).map((row) => [row.id, row]));
  for (const id of ids) expect(await q.runs.get(id)).toStrictEqual(runs.get(id));
  expect((await q.runs.byIds(ids)).toSorted(byId)).toStrictEqual([...runs.values()].toSorted(byId));
  const jobs = new Map((await q.jobs.ofRuns(ids)).map((row) => [row.id, row]));
  expect(await q.variables.all("ws_1")).toStrictEqual(await q.variables.list("ws_1", { after: null, limit: 9 }));
  for (const n of numbers) expect(await q.jobs.get(`job_${n}`)).toStrictEqual(jobs.get(`job_${n}`));
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

const step = fc.record({
  name: fc.constantFrom(...keysOf(steps)),
  n: fc.constantFrom(...numbers),
  value: fc.nat(50),
});
const transaction = fc.array(step, { maxLength: 6 });

describe.each(testEngines)("rows that are kept, on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.workspaces.insert(workspace({ poolId: null, executionMode: "remote" }));
      await tx.configurations.insert(configuration());
    });
  });
  afterEach(() => held.disposeAsync());

  test("are those of the database, whatever is written, refused or undone", { timeout: 60_000 }, async () => {
    // Those of a round wait together, so that they share a commit where the engine has such.
    const rounds = fc.array(fc.array(transaction, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(rounds, async (given) => {
        for (const together of given) {
          const outcomes = await Promise.allSettled(
            together.map((own) =>
              store.write(async (tx) => {
                for (const { name, n, value } of own) await steps[name](tx, n, value);
              }),
            ),
          );
          for (const outcome of outcomes) if (outcome.status === "rejected") expectRefusal(outcome.reason);
          await store.read(expectTruth);
        }
      }),
      { numRuns: engine.name === "sqlite" ? 150 : 15 },
    );
  });

  test("cannot be changed by whoever has asked for them", async () => {
    await store.write((tx) => tx.runs.insert(run({ warnings: ["one"] })));
    const row = await store.read((q) => q.runs.get("run_1"));
    expect([row, row?.warnings, row?.options].map(Object.isFrozen)).toEqual([true, true, true]);
  });

  test("are copies of what was saved", async () => {
    const given = { ...run(), warnings: ["one"], endedAt: at(1) };
    await store.write((tx) => tx.runs.insert(given));
    given.warnings.push("two");
    given.endedAt.setTime(0);
    expect(await store.read((q) => q.runs.get("run_1"))).toStrictEqual({ ...run(), warnings: ["one"], endedAt: at(1) });
  });

  test("of many ids are found once each, in whatever way they are known", async () => {
    await store.write(async (tx) => {
      for (const n of numbers) await tx.runs.insert(run({ id: runId(n) }));
    });
    const found = await store.read(async (q) => {
      await q.runs.get("run_2");
      return q.runs.byIds(["run_2", "run_1", "run_2", "run_9"]);
    });
    expect(found.map(({ id }) => id).toSorted()).toEqual(["run_1", "run_2"]);
  });
});

const refusals = /changed my mind|was deleted meanwhile|there is already/;
const expectRefusal = (error: unknown): void => expect(String(error)).toMatch(refusals);
