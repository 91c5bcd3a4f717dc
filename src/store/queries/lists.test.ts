import fc from "fast-check";
import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../test/support/store/queries.ts";
import { agent, at, pool, run, workspace } from "../../../test/support/store/rows.ts";
import type { Agent, AgentStatus } from "../../domain/agents/agent.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import type { NamePage, Pair, Position, TimePage } from "../ports/pages.ts";

/** Texts that engines could sort, or find a part of, in ways of their own. */
const pieces = [
  "a",
  "A",
  "b",
  "Z",
  "_",
  "-",
  "%",
  "\\",
  "'",
  "é",
  "É",
  "ß",
  "\u2028",
  "\uffff",
  "\u{1f600}",
  "0",
] as const;
const anyText = fc.string({ unit: fc.constantFrom(...pieces), maxLength: 4 });
const anyName = fc.string({ unit: fc.constantFrom(...pieces), minLength: 1, maxLength: 3 });
/** Few moments, so that many rows share one. */
const anyMoment = fc.integer({ min: 0, max: 5 }).map(at);

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const lower = (text: string) => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
const has = (search: string, ...texts: readonly string[]) => texts.some((text) => lower(text).includes(lower(search)));

/** The same rows at every run, each with an id of its own. */
const sampled = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number): readonly (T & { readonly n: string })[] =>
  fc.sample(arbitrary, { numRuns, seed: 7 }).map((row, n) => ({ ...row, n: String(n).padStart(3, "0") }));

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

/** Every page of a list, one after the other. */
async function pages<T, P>(read: (after: P | null) => Promise<readonly T[]>, placeOf: (row: T) => P): Promise<T[]> {
  const all: T[] = [];
  for (let after: P | null = null; ; ) {
    const page = await read(after);
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined) return all;
    after = placeOf(last);
  }
}

const bounds = { numRuns: 25, seed: 11 };
const check = <T>(arbitrary: fc.Arbitrary<T>, rule: (value: T) => Promise<void>) =>
  fc.assert(fc.asyncProperty(arbitrary, rule), bounds);
const anySize = fc.constantFrom(3, 7, 50);

const statuses: readonly RunStatus[] = ["pending", "planning", "planned", "applied", "errored"];
const isActive = (status: RunStatus) => status === "pending" || status === "planning" || status === "planned";

describeOnBoth("a list of any filter, page by page, is what a look at every row finds:", (store) => {
  const workspaces = (): readonly Workspace[] => {
    const settings = {
      ...{ name: anyName, description: anyText, executionMode: fc.constantFrom("remote" as const, "agent" as const) },
      ...{ organizationId: fc.constantFrom("org_1" as const, "org_2" as const), isLocked: fc.boolean() },
      ...{ tags: fc.uniqueArray(fc.constantFrom("a", "b", "c")), isInPool: fc.boolean() },
    };
    const rows = sampled(fc.record(settings), 60).map(({ n, isLocked, isInPool, ...row }) =>
      workspace({
        ...{ ...row, id: `ws_${n}`, tags: row.tags.toSorted(), poolId: isInPool ? "apool_1" : null },
        lock: isLocked ? { kind: "person", by: "ann", reason: "", at: at(0) } : null,
      }),
    );
    return [...new Map(rows.map((row) => [`${row.organizationId}/${row.name}`, row])).values()];
  };

  test("workspaces", async () => {
    const rows = workspaces();
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.workspaces.delete("ws_1");
      for (const row of rows) await tx.workspaces.insert(row);
    });
    const filter = fc.record({
      ...{ search: fc.oneof(fc.constant(""), anyText), tags: fc.subarray(["a", "b", "c"]), isLocked: fc.boolean() },
      ...{ modes: fc.subarray(["remote" as const, "agent" as const]), isInPool: fc.boolean(), limit: anySize },
    });
    await check(filter, async ({ limit, isInPool, ...asked }) => {
      const { search, tags, modes, isLocked } = asked;
      const wanted = rows.filter(
        (row) =>
          row.organizationId === "org_1" &&
          has(search, row.name, row.description) &&
          tags.every((tag) => row.tags.includes(tag)) &&
          (modes.length === 0 || modes.some((mode) => mode === row.executionMode)) &&
          (!isLocked || row.lock !== null) &&
          (!isInPool || row.poolId === "apool_1"),
      );
      const whole = { organizationId: "org_1", poolId: isInPool ? "apool_1" : null, ...asked } as const;
      const read = (after: string | null) => store.read((q) => q.workspaces.list(whole, { after, limit }));
      expect(await pages(read, ({ name }) => name)).toEqual(wanted.toSorted((a, b) => byBytes(a.name, b.name)));
    });
  });

  test("runs, newest first", async () => {
    const fields = {
      ...{ createdAt: anyMoment, status: fc.constantFrom(...statuses), message: anyText, createdBy: anyText },
      workspaceId: fc.constantFrom("ws_1" as const, "ws_2" as const),
    };
    const rows: readonly Run[] = sampled(fc.record(fields), 60).map(({ n, ...row }) => run({ ...row, id: `run_${n}` }));
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.upkeep.deleteRun("run_1");
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "dns", poolId: "apool_1", tags: ["a"] }));
      for (const row of rows) await tx.runs.insert(row);
    });
    const filter = fc.record({
      ...{
        search: fc.oneof(fc.constant(""), anyText),
        statuses: fc.option(fc.subarray([...statuses])),
        isActive: fc.boolean(),
      },
      ...{ createdFrom: fc.option(anyMoment), createdBefore: fc.option(anyMoment), isTagged: fc.boolean() },
      ...{ workspaceId: fc.option(fc.constantFrom("ws_1" as const, "ws_2" as const)), limit: anySize },
    });
    await check(filter, async ({ limit, isTagged, ...asked }) => {
      const wanted = rows.filter(
        (row) =>
          has(asked.search, row.id, row.message, row.createdBy) &&
          (asked.statuses === null || asked.statuses.includes(row.status)) &&
          (!asked.isActive || isActive(row.status)) &&
          (asked.createdFrom === null || row.createdAt >= asked.createdFrom) &&
          (asked.createdBefore === null || row.createdAt < asked.createdBefore) &&
          (asked.workspaceId === null || row.workspaceId === asked.workspaceId) &&
          (!isTagged || row.workspaceId === "ws_2"),
      );
      const narrow = isTagged ? ({ tags: ["a"], poolId: "apool_1" } as const) : {};
      const whole = { organizationId: "org_1", ...asked, ...narrow } as const;
      const read = (before: Position | null) => store.read((q) => q.runs.list(whole, { before, limit }));
      expect(ids(await pages(read, newestPlace))).toEqual(ids(wanted.toSorted(newestFirst)));
    });
  });

  test("agents, those of one name by their ids", async () => {
    const fields = {
      ...{ name: anyName, status: fc.constantFrom<AgentStatus>("idle", "busy", "unknown", "errored", "exited") },
      place: fc.constantFrom("apool_1" as const, "apool_2" as const, null),
    };
    const rows: readonly Agent[] = sampled(fc.record(fields), 60).map(({ n, place, ...row }) =>
      agent({ ...row, id: `agent_${n}`, poolId: place, organizationId: place === null ? null : "org_1" }),
    );
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.agents.delete("agent_1");
      await tx.pools.insert(pool({ id: "apool_2", name: "second" }));
      for (const row of rows) await tx.agents.insert(row);
    });
    const filter = fc.record({
      ...{ search: fc.oneof(fc.constant(""), anyText), isServers: fc.boolean(), limit: anySize },
      ...{ statuses: fc.subarray<AgentStatus>(["idle", "unknown", "exited"]), isOfPool: fc.boolean() },
    });
    await check(filter, async ({ search, isServers, limit, statuses: some, isOfPool }) => {
      const poolId = isOfPool && !isServers ? ("apool_2" as const) : null;
      const wanted = rows.filter(
        (row) =>
          (row.poolId === null) === isServers &&
          has(search, row.name) &&
          (some.length === 0 || some.includes(row.status)) &&
          (poolId === null || row.poolId === poolId),
      );
      const whole = { organizationId: isServers ? null : "org_1", poolId, statuses: some, search } as const;
      const read = (after: Pair | null) => store.read((q) => q.agents.list(whole, { after, limit }));
      const found = await pages(read, ({ name, id }) => [name, id] as const);
      expect(ids(found)).toEqual(ids(wanted.toSorted((a, b) => byBytes(a.name, b.name) || byBytes(a.id, b.id))));
    });
  });

  test("pools, in either order of name or time", async () => {
    const fields = { name: anyName, description: anyText, createdAt: anyMoment };
    const some = sampled(fc.record(fields), 60).map(({ n, ...row }) => pool({ ...row, id: `apool_${n}` }));
    const rows = [...new Map(some.map((row) => [row.name, row])).values()];
    await store.write(async (tx) => {
      for (const row of rows) await tx.pools.insert(row);
    });
    const listing = fc.record({
      ...{ search: fc.oneof(fc.constant(""), anyText), order: fc.constantFrom("name" as const, "created_at" as const) },
      ...{ isDescending: fc.boolean(), limit: anySize },
    });
    await check(listing, async ({ limit, ...asked }) => {
      const wanted = rows
        .filter(({ name, description }) => has(asked.search, name, description))
        .toSorted((a, b) =>
          asked.order === "name"
            ? byBytes(a.name, b.name)
            : a.createdAt.getTime() - b.createdAt.getTime() || byBytes(a.id, b.id),
        );
      const whole = { organizationId: "org_1", ...asked } as const;
      const read = (after: (typeof rows)[number] | null) => store.read((q) => q.pools.find(whole, { after, limit }));
      const found = await pages(read, (row) => row);
      expect(ids(found)).toEqual(ids(asked.isDescending ? wanted.toReversed() : wanted));
    });
  });
});

const newestPlace = ({ createdAt, id }: Pick<Run, "createdAt" | "id">): Position => ({ at: createdAt, id });
const newestFirst = (a: Run, b: Run) => b.createdAt.getTime() - a.createdAt.getTime() || byBytes(b.id, a.id);

describeOnBoth("a window of a list", (store) => {
  const rows = sampled(fc.record({ createdAt: anyMoment }), 30).map(({ n, ...row }) => run({ ...row, id: `run_${n}` }));
  const sorted = rows.toSorted(newestFirst);

  test("begins behind one place and ends with another, whatever rows share their moment", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      await tx.upkeep.deleteRun("run_1");
      for (const row of rows) await tx.runs.insert(row);
    });
    const all = { organizationId: "org_1", workspaceId: null, statuses: null } as const;
    const edge = fc.option(fc.nat({ max: rows.length - 1 }));
    await check(fc.tuple(edge, edge), async ([from, to]) => {
      const placeAt = (index: number | null) => {
        const row = index === null ? undefined : sorted[index];
        return row === undefined ? null : newestPlace(row);
      };
      const page: TimePage = { before: placeAt(from), downTo: placeAt(to), limit: 99 };
      const found = await store.read((q) => q.runs.list(all, page));
      expect(ids(found)).toEqual(ids(sorted.slice(from === null ? 0 : from + 1, to === null ? undefined : to + 1)));
      const count = to === null || from === null ? 1 : to - from;
      if (count < 1) return;
      const place = await store.read((q) => q.runs.placeAfter(all, { before: placeAt(from), rows: count }));
      expect(place).toEqual(placeAt((from ?? -1) + count));
    });
  });

  test("of names ends with the last name that is looked at, which need not exist", async () => {
    const names = ["a", "a-b", "ab", "b"];
    await store.write(async (tx) => {
      for (const [n, name] of names.entries()) await tx.workspaces.insert(workspace({ id: `ws_${n}`, name }));
    });
    const window = async (page: Omit<NamePage, "limit">) => {
      const asked = { organizationId: "org_1", poolId: null } as const;
      return (await store.read((q) => q.workspaces.list(asked, { ...page, limit: 9 }))).map(({ name }) => name);
    };
    expect(await window({ after: null, upTo: "aa" })).toEqual(["a", "a-b"]);
    expect(await window({ after: "a", upTo: "ab" })).toEqual(["a-b", "ab"]);
    expect(await window({ after: "b", upTo: "a" })).toEqual([]);
  });
});

describeOnBoth("what waits for a decision", (store) => {
  test("is a workspace whose own run is planned or over, and that run; a run that goes on, or holds nothing, is none", async () => {
    const held = (["planned", "applying", "errored"] as const).map((status) => ({
      status,
      id: `run_${status}` as const,
    }));
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const { status, id } of held) {
        const lock = { kind: "run", runId: id, at: at(0) } as const;
        await tx.workspaces.insert(workspace({ id: `ws_${status}`, name: status, lock }));
        await tx.runs.insert(run({ id, status, workspaceId: `ws_${status}` }));
      }
      const lock = { kind: "person", by: "ann", reason: "", at: at(0) } as const;
      await tx.workspaces.insert(workspace({ id: "ws_person", name: "person", lock }));
      await tx.runs.insert(run({ id: "run_free", status: "planned" }));
    });
    const page = { limit: 9 };
    await store.read(async (q) => {
      const workspaces = { organizationId: "org_1", poolId: null, needsDecision: true } as const;
      expect(ids(await q.workspaces.list(workspaces, { after: null, ...page }))).toEqual(["ws_errored", "ws_planned"]);
      const runs = { organizationId: "org_1", workspaceId: null, statuses: null, needsDecision: true } as const;
      expect(ids(await q.runs.list(runs, { before: null, ...page }))).toEqual(["run_planned", "run_errored"]);
    });
  });
});
