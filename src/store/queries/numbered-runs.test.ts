import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { plainOptions } from "../../../test/support/rows.ts";
import { at, configuration, organization, pool, run, workspace } from "../../../test/support/store/rows.ts";
import type { TimelineEvent } from "../../domain/runs/timeline.ts";
import { openStore } from "../open.ts";
import type { RunFilter } from "../ports/runs.ts";
import type { Store } from "../ports/store.ts";

const options = plainOptions;
const acme = { organizationId: "org_1", workspaceId: null, statuses: null } as const;

describe.each(testEngines)("runs by number on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.pools.insert(pool());
      await tx.workspaces.insert(workspace({ poolId: null, executionMode: "remote", currentStateId: "sv_2" }));
      await tx.workspaces.insert(workspace({ id: "ws_2", name: "other", poolId: "apool_1", executionMode: "agent" }));
      await tx.configurations.insert(configuration());
      const saved = { ...options, isSavedPlan: true };
      const rows = [
        run({ id: "run_1", createdAt: at(1), status: "planned", options: saved, baseStateId: "sv_1", statusAt: at(9) }),
        run({ id: "run_2", createdAt: at(2), status: "planned", options, workspaceId: "ws_2", source: "terraform" }),
        run({ id: "run_3", createdAt: at(3), status: "planned", options: saved, baseStateId: "sv_2", statusAt: at(5) }),
        run({ id: "run_4", createdAt: at(4), status: "planning", options: { ...options, isPlanOnly: true } }),
      ];
      for (const row of rows) await tx.runs.insert(row);
      const other = await tx.workspaces.get("ws_2");
      if (other !== undefined) await tx.workspaces.save({ ...other, lock: { kind: "run", runId: "run_2", at: at(2) } });
    });
  });
  afterEach(() => held.disposeAsync());

  const found = async (filter: Partial<RunFilter>): Promise<readonly string[]> =>
    store.read(async (q) => {
      const wanted = { ...acme, ...filter };
      const rows = await q.runs.range(wanted, { offset: 0, limit: 10 });
      expect(await q.runs.count(wanted)).toBe(rows.length);
      return rows.map(({ id }) => id);
    });

  test("are narrowed by what they are for, and counted", async () => {
    expect(await found({})).toEqual(["run_4", "run_3", "run_2", "run_1"]);
    expect(await found({ states: [{ status: "planned", isSavedPlan: true }] })).toEqual(["run_3", "run_1"]);
    expect(await found({ states: [{ status: "planned", isSavedPlan: false }] })).toEqual(["run_2"]);
    expect(await found({ states: [] })).toEqual([]);
    expect(await found({ operations: ["plan_only"] })).toEqual(["run_4"]);
    expect(await found({ operations: ["plan_and_apply"] })).toEqual(["run_2"]);
    expect(await found({ operations: ["save_plan", "plan_only"] })).toEqual(["run_4", "run_3", "run_1"]);
    expect(await found({ sources: ["terraform"] })).toEqual(["run_2"]);
    expect(await found({ poolNames: [pool().name, "none"] })).toEqual(["run_2"]);
    expect(await found({ workspaceNames: ["other"] })).toEqual(["run_2"]);
    expect(await found({ createdBy: "no-such" })).toEqual([]);
    const rows = await store.read((q) => q.runs.range(acme, { offset: 2, limit: 1 }));
    expect(rows.map(({ id }) => id)).toEqual(["run_2"]);
  });

  test("saved plans are outdated once the state has moved or they are too old; those that hold a workspace never are", async () => {
    expect(await store.read((q) => q.runs.outdatedPlans(at(0), 10))).toEqual(["run_1"]);
    expect(await store.read((q) => q.runs.outdatedPlans(at(6), 10))).toEqual(["run_1", "run_3"]);
  });

  test("events are read by number and by place, and what people said is told from the rest", async () => {
    const event = (position: number, over: Partial<TimelineEvent> = {}): TimelineEvent => ({
      ...{ runId: "run_1", position, at: at(position), actor: "", status: null, title: "x", comment: "" },
      ...over,
    });
    const person = "ana (key_1)";
    const events = [
      event(1, { actor: person, comment: "message" }),
      event(2, { comment: "of the server" }),
      event(3, { actor: person, comment: "why?" }),
      event(4, { status: "planned" }),
    ];
    await store.write(async (tx) => {
      for (const one of events) await tx.runEvents.insert(one);
    });
    await store.read(async (q) => {
      expect(await q.runEvents.get("run_1", 3)).toEqual(events[2]);
      expect(await q.runEvents.get("run_1", 9)).toBeUndefined();
      expect(await q.runEvents.range("run_1", { offset: 1, limit: 2, isComment: false })).toEqual(events.slice(1, 3));
      expect(await q.runEvents.range("run_1", { offset: 0, limit: 9, isComment: true })).toEqual([events[2]]);
      expect(await q.runEvents.count("run_1", { isComment: true })).toBe(1);
      expect(await q.runEvents.count("run_1", { isComment: false })).toBe(4);
      const marks = await q.runEvents.marks(["run_1", "run_2"], 2);
      expect(marks.map(({ position, isComment, at: when }) => [position, isComment, when])).toEqual([
        ...[[1, false, at(1)] as const, [2, false, at(2)] as const, [4, false, at(4)] as const],
      ]);
    });
  });
});
