import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import {
  agent,
  at,
  claimedJob,
  configuration,
  organization,
  pool,
  run,
  workspace,
} from "../../../test/support/store/rows.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { TimelineEvent } from "../../domain/runs/timeline.ts";
import { openStore } from "../open.ts";
import type { TimePage } from "../ports/pages.ts";
import type { RunFilter } from "../ports/runs.ts";
import type { Store } from "../ports/store.ts";

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
const newest = { before: null, limit: 100 } as const;

describe.each(testEngines)("runs on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.pools.insert(pool());
      await tx.agents.insert(agent());
      await tx.workspaces.insert(workspace({ poolId: null, executionMode: "remote", tags: ["eu"] }));
      const other = {
        id: "ws_2",
        name: "other",
        tags: ["eu", "prod"],
        poolId: "apool_1",
        executionMode: "agent",
      } as const;
      await tx.workspaces.insert(workspace(other));
      await tx.configurations.insert(configuration());
    });
  });
  afterEach(() => held.disposeAsync());

  const insert = (...rows: readonly Run[]) =>
    store.write(async (tx) => {
      for (const row of rows) await tx.runs.insert(row);
    });

  test("that wait know their places in their workspaces, by one look", async () => {
    const pending = (id: Run["id"], change: Partial<Run> = {}) => run({ id, status: "pending", ...change });
    await insert(
      pending("run_1", { createdAt: at(1) }),
      pending("run_2", { createdAt: at(2), urgency: 0 }),
      pending("run_3", { createdAt: at(3) }),
      pending("run_4", { createdAt: at(4), workspaceId: "ws_2" }),
      run({ id: "run_5", status: "planning" }),
    );
    const places = await store.read((q) => q.runs.runsAhead(["run_3", "run_4", "run_1", "run_5"]));
    expect(Object.fromEntries(places)).toEqual({ run_1: 1, run_3: 2, run_4: 0 });
    expect(await store.read((q) => q.runs.runsAhead([]))).toEqual(new Map());
  });

  test("are looked through in windows: from a place, down to a place", async () => {
    await insert(...[1, 2, 3, 4, 5].map((n) => run({ id: `run_${n}`, createdAt: at(n) })));
    const list = { organizationId: "org_1", workspaceId: null, statuses: null } as const;
    const place = await store.read((q) => q.runs.placeAfter(list, { before: null, rows: 2 }));
    expect(place).toEqual({ at: at(4), id: "run_4" });
    const window = (page: TimePage) => store.read(async (q) => ids(await q.runs.list(list, page)));
    expect(await window({ before: null, downTo: place, limit: 9 })).toEqual(["run_5", "run_4"]);
    expect(await window({ before: place, limit: 9 })).toEqual(["run_3", "run_2", "run_1"]);
    expect(await store.read((q) => q.runs.placeAfter(list, { before: place, rows: 4 }))).toBeNull();
  });

  describe("a list", () => {
    const found = async (filter: Partial<RunFilter>) => {
      const whole = { organizationId: "org_1", workspaceId: null, statuses: null, ...filter } as const;
      return ids(await store.read((q) => q.runs.list(whole, newest)));
    };

    beforeEach(async () => {
      await insert(
        run({ id: "run_1", createdAt: at(1), status: "applied", message: "Resize DB" }),
        run({ id: "run_2", createdAt: at(2), status: "planning", createdBy: "Ana (key_7)" }),
        run({ id: "run_3", createdAt: at(3), status: "pending", workspaceId: "ws_2" }),
      );
      await store.write((tx) => tx.jobs.insert(claimedJob({ id: "job_1", runId: "run_2", agentId: "agent_1" })));
    });

    const cases: readonly (readonly [string, Partial<RunFilter>, readonly string[]])[] = [
      ["of all", {}, ["run_3", "run_2", "run_1"]],
      ["by text in the message, in any case", { search: "resize db" }, ["run_1"]],
      ["by text in who created it", { search: "KEY_7" }, ["run_2"]],
      ["by text in the id", { search: "un_3" }, ["run_3"]],
      ["of no status", { statuses: [] }, []],
      ["by text that is no pattern", { search: "%" }, []],
      ["by the time of creation", { createdFrom: at(2), createdBefore: at(3) }, ["run_2"]],
      ["by the pool of the workspace", { poolId: "apool_1" }, ["run_3"]],
      ["by tags, all of them", { tags: ["eu", "prod"] }, ["run_3"]],
      ["by one tag", { tags: ["eu"] }, ["run_3", "run_2", "run_1"]],
      ["by a tag that nobody has", { tags: ["eu", "us"] }, []],
      ["of those that have not ended", { isActive: true }, ["run_3", "run_2"]],
      ["by an agent", { agentId: "agent_1" }, ["run_2"]],
      [
        "by all at once",
        { isActive: true, tags: ["eu"], search: "ana", agentId: "agent_1", createdFrom: at(0) },
        ["run_2"],
      ],
      ["of another organization", { organizationId: "org_2" }, []],
    ];

    test("is narrowed by each filter, and by all together", async () => {
      for (const [name, filter, expected] of cases) expect(await found(filter), name).toEqual(expected);
    });
  });

  test("that wait for a workspace get it by urgency, then by age", async () => {
    await insert(
      run({ id: "run_1", status: "pending", createdAt: at(1), urgency: 2 }),
      run({ id: "run_2", status: "pending", createdAt: at(2) }),
      run({ id: "run_3", status: "pending", createdAt: at(3) }),
      run({ id: "run_4", status: "pending", createdAt: at(4), urgency: 0 }),
    );
    const pending = await store.read((q) => q.runs.pending("ws_1", 9));
    expect(ids(pending)).toEqual(["run_4", "run_2", "run_3", "run_1"]);
  });

  test("that wait in a queue since a time are found, page after page; those that wait for a person are not", async () => {
    await insert(
      run({ id: "run_1", status: "pending", statusAt: at(1) }),
      run({ id: "run_2", status: "plan_queued", statusAt: at(1), workspaceId: "ws_2" }),
      run({ id: "run_3", status: "apply_queued", statusAt: at(1) }),
      run({ id: "run_4", status: "planned", statusAt: at(1) }),
      run({ id: "run_5", status: "planning", statusAt: at(1) }),
      run({ id: "run_6", status: "pending", statusAt: at(5) }),
      run({ id: "run_7", status: "canceled", statusAt: at(1) }),
    );
    const since = (after: Run["id"] | null, limit: number) =>
      store.read((q) => q.runs.queuedSince(at(5), { after, limit }));
    expect(ids(await since(null, 9))).toEqual(["run_1", "run_2", "run_3"]);
    expect(ids(await since("run_1", 1))).toEqual(["run_2"]);
  });

  test("have a timeline: in order, in pages, gone with the run", async () => {
    const event = (position: number, change: Partial<TimelineEvent> = {}): TimelineEvent => ({
      ...{ runId: "run_1", position, at: at(position), actor: "", status: null, title: "t", comment: "" },
      ...change,
    });
    const events = [event(1, { status: "pending" }), event(3, { actor: "ana", comment: "é" }), event(20)];
    await insert(run());
    await store.write(async (tx) => {
      for (const one of [events[2], events[0], events[1]]) if (one !== undefined) await tx.runEvents.insert(one);
    });
    expect(await store.read((q) => q.runEvents.list("run_1", { after: 0, limit: 9 }))).toEqual(events);
    expect(await store.read((q) => q.runEvents.list("run_1", { after: 1, limit: 1 }))).toEqual([events[1]]);
    await expect(store.write((tx) => tx.runEvents.insert(event(3)))).rejects.toMatchObject({ code: "name_taken" });
    await store.write((tx) => tx.workspaces.delete("ws_1"));
    expect(await store.read((q) => q.runEvents.list("run_1", { after: 0, limit: 9 }))).toEqual([]);
  });
});
