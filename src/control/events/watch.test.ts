import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import type { Store } from "../../store/ports/store.ts";
import { createPool, deletePool, updatePool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { deleteWorkspace } from "../workspaces/deletion.ts";
import { createWorkspace, updateWorkspace } from "../workspaces/workspaces.ts";
import type { ChangedThing } from "./changed-things.ts";
import { type ChangedThings, EventWatch } from "./watch.ts";

/** What a thing is, for the tests. */
function nameOf(thing: ChangedThing): string {
  switch (thing.kind) {
    case "run":
      return `run ${thing.view.run.status}`;
    case "workspace":
      return `workspace ${thing.view.workspace.name}`;
    case "pool":
      return `pool ${thing.view.pool.name}`;
    case "agent":
      return `agent ${thing.view.agent.name} ${thing.view.agent.status}`;
    case "token":
      return `token of ${thing.view.poolName}`;
    case "gone":
      return `gone ${thing.what} ${thing.name}`.trim();
  }
}

describe.each(testEngines)("what changes, on $name", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let owner: Person;
  let events: EventWatch;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    fixture = held.use(await openTestControl({ rows: (await engine.urls(held)).rows }));
    owner = fixture.as("owner");
    events = new EventWatch(fixture.control);
  });
  afterEach(() => held.disposeAsync());

  /** A watcher, which has read where things stand. */
  async function watching(who: Person = owner, { organization = "", cursor = "" } = {}) {
    const over = new AbortController();
    held.defer(() => over.abort());
    const stream = events.watch(who, { organization, cursor, signal: over.signal });
    const first = cursor === "" ? await stream.next() : undefined;
    const next = async (): Promise<ChangedThings> => {
      const { value, done } = await passing(stream.next());
      if (done === true) throw new Error("the stream has ended");
      return value;
    };
    const names = async () => (await next()).things.map(nameOf);
    /** Reads on until all of these were told. */
    const sees = async (...wanted: readonly string[]) => {
      const told = new Set<string>();
      for (let messages = 0; messages < 20 && !wanted.every((name) => told.has(name)); messages++)
        for (const name of await names()) told.add(name);
      expect([...told]).toEqual(expect.arrayContaining([...wanted]));
    };
    return { first: first?.value, next, names, sees, stream, leave: () => over.abort(new Error("left")) };
  }

  /** A watcher gathers what comes together, on a clock that stands still. */
  async function passing<T>(awaited: Promise<T>): Promise<T> {
    let isThere = false;
    const moving = (async () => {
      while (!isThere) await fixture.clock.advance(2_000);
    })();
    try {
      return await awaited;
    } finally {
      isThere = true;
      await moving;
    }
  }

  const workspaceCalled = async (name: string): Promise<Workspace> =>
    (await createWorkspace(fixture.control, owner, newWorkspace(name))).workspace;

  test("begins with a cursor, and tells things as they are now, each once", async () => {
    const watcher = await watching();
    expect(watcher.first).toMatchObject({ things: [], cursor: expect.stringMatching(/^.+\.\d+$/) });
    await workspaceCalled("dns");
    await createPool(fixture.control, owner, newPool("prod"));
    const change = { reference: ref("dns"), changes: { name: "zones" }, etag: "" };
    await updateWorkspace(fixture.control, owner, change);
    expect(await watcher.names()).toEqual(["pool prod", "workspace zones"]);
  });

  test("runs, jobs, agents, pools and tokens are told wherever they change", async () => {
    const { store } = fixture.control;
    const workspace = await workspaceCalled("dns");
    const { pool } = await createPool(fixture.control, owner, newPool("prod"));
    const watcher = await watching();
    const run = runRow(workspace, { status: "plan_queued" });
    await store.write((tx) => tx.runs.insert(run));
    await watcher.sees("run plan_queued", "workspace dns");
    await store.write((tx) => tx.jobs.insert(jobRow(run, { poolId: pool.id })));
    await watcher.sees("run plan_queued", "pool prod");
    const { token } = await createAgentToken(fixture.control, owner, {
      ...{ pool: ref("prod"), description: "", requestId: "", expiresInMs: null },
    });
    await watcher.sees("token of prod");
    await store.write((tx) => tx.agents.insert(agentRow(pool, { tokenId: token.id })));
    await watcher.sees("agent vm-1 idle", "pool prod", "token of prod");
    await store.write((tx) => tx.runs.save({ ...run, status: "planning", version: 2 }));
    await watcher.sees("run planning", "workspace dns");
    await store.write((tx) => tx.upkeep.deleteRun(run.id));
    await watcher.sees("gone run");
    await store.write((tx) => tx.upkeep.deleteToken(token.id));
    await watcher.sees("gone token");
  });

  test("a workspace is told when one of its states comes, is another one, or is deleted", async () => {
    const { store } = fixture.control;
    const workspace = await workspaceCalled("dns");
    const state = stateRow(workspace, { status: "quarantined" });
    const watcher = await watching();
    await store.write((tx) => tx.states.insert(state));
    expect(await watcher.names()).toEqual(["workspace dns"]);
    await store.write((tx) => tx.states.save({ ...state, status: "superseded" }));
    expect(await watcher.names()).toEqual(["workspace dns"]);
    await store.write((tx) => tx.states.delete(state.id));
    expect(await watcher.names()).toEqual(["workspace dns"]);
    await store.write((tx) => tx.states.delete(state.id));
    await createPool(fixture.control, owner, newPool("prod"));
    expect(await watcher.names()).toEqual(["pool prod"]);
  });

  test("a pool is told when other workspaces use it", async () => {
    await createPool(fixture.control, owner, newPool("prod"));
    await createPool(fixture.control, owner, newPool("test"));
    await workspaceCalled("dns");
    const watcher = await watching();
    const assign = (pool: string) =>
      updateWorkspace(fixture.control, owner, {
        ...{ reference: ref("dns"), changes: { executionMode: "agent", pool }, etag: "" },
      });
    await assign("prod");
    expect((await watcher.names()).toSorted()).toEqual(["pool prod", "workspace dns"]);
    await assign("test");
    expect((await watcher.names()).toSorted()).toEqual(["pool prod", "pool test", "workspace dns"]);
    const rename = { reference: ref("dns"), changes: { name: "zones" }, etag: "" };
    await updateWorkspace(fixture.control, owner, rename);
    expect((await watcher.names()).toSorted()).toEqual(["pool test", "workspace zones"]);
    await deleteWorkspace(fixture.control, owner, { reference: ref("zones"), isForced: false });
    expect((await watcher.names()).toSorted()).toEqual(["gone workspace zones", "pool test"]);
  });

  test("signs of life are no changes, another status is one", async () => {
    const { pool } = await createPool(fixture.control, owner, newPool("prod"));
    const agent = agentRow(pool);
    await fixture.control.store.write((tx) => tx.agents.insert(agent));
    const hear = (status: "idle" | "unknown") =>
      fixture.control.store.step((tx) => tx.agents.heard([{ agentId: agent.id, status, at: fixture.clock.now() }]));
    await hear("idle");
    const watcher = await watching();
    await hear("idle");
    await hear("unknown");
    await hear("unknown");
    const { things, cursor } = await watcher.next();
    expect(things.map(nameOf)).toEqual(["agent vm-1 unknown", "pool prod"]);
    await hear("unknown");
    expect(fixture.control.store.changes.position).toBe(Number(cursor.split(".")[1]));
  });

  test("what is deleted is gone", async () => {
    await workspaceCalled("dns");
    await createPool(fixture.control, owner, newPool("prod"));
    const watcher = await watching();
    await deleteWorkspace(fixture.control, owner, { reference: ref("dns"), isForced: false });
    await deletePool(fixture.control, owner, ref("prod"));
    expect(await watcher.names()).toEqual(["gone workspace dns", "gone pool prod"]);
  });

  test("a transaction that fails tells nothing", async () => {
    const workspace = await workspaceCalled("dns");
    const { position } = fixture.control.store.changes;
    const failing = fixture.control.store.write(async (tx) => {
      await tx.workspaces.save({ ...workspace, description: "never" });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(fixture.control.store.changes.position).toBe(position);
  });

  test("another organization's things are told to nobody else; a site admin sees all, or one", async () => {
    const stranger = fixture.as("owner", fixture.sibling);
    const [own, admin, one] = [
      await watching(),
      await watching(fixture.admin),
      await watching(fixture.admin, { organization: "acme" }),
    ];
    await createWorkspace(fixture.control, stranger, { ...newWorkspace("theirs"), organization: "rival" });
    await workspaceCalled("ours");
    expect(await own.names()).toEqual(["workspace ours"]);
    expect(await admin.names()).toEqual(["workspace theirs", "workspace ours"]);
    expect(await one.names()).toEqual(["workspace ours"]);
  });

  test("a cursor goes on behind its message; one of another process, or of none, has expired", async () => {
    const watcher = await watching();
    await workspaceCalled("one");
    const { cursor } = await watcher.next();
    await workspaceCalled("two");
    expect(await (await watching(owner, { cursor })).names()).toEqual(["workspace two"]);
    const [feed, position] = cursor.split(".");
    for (const other of [
      `${systemRandom.uuid()}.${position}`,
      `${feed}.${Number(position) + 9}`,
      `${feed}.x`,
      "x",
      ".",
    ])
      await expect((await watching(owner, { cursor: other })).next()).rejects.toMatchObject({ code: "cursor_expired" });
  });

  test("who is too slow is told the last of each thing only, or that the cursor has expired", async () => {
    const workspace = await workspaceCalled("dns");
    const slow = await watching();
    const { changes } = fixture.control.store;
    const change = { kind: "workspace", id: workspace.id, organizationId: workspace.organizationId } as const;
    changes.publish(Array.from({ length: 12_000 }, () => change));
    const told: number[] = [];
    while (told.length < 3) told.push((await slow.next()).things.length);
    expect(told).toEqual([1, 1, 1]);
    changes.publish(Array.from({ length: 120_000 }, () => change));
    await expect(slow.next()).rejects.toMatchObject({ code: "cursor_expired" });
  });

  test("whose things do not change is told where the stream stands, before its cursor is too old", async () => {
    const own = await watching();
    const foreign = { kind: "run", id: "run_x", organizationId: fixture.sibling.id } as const;
    fixture.control.store.changes.publish(Array.from({ length: 1_500 }, () => foreign));
    const { things, cursor } = await own.next();
    expect([things, Number(cursor.split(".")[1])]).toEqual([[], fixture.control.store.changes.position]);
  });

  test("what has changed is read once for all who watch, while the reading goes on and later", async () => {
    let reads = 0;
    const { control } = fixture;
    const counting: Store = {
      ...control.store,
      read: (fn) =>
        control.store.read((q) =>
          fn({
            ...q,
            pools: {
              ...q.pools,
              get: (id) => {
                reads += 1;
                return q.pools.get(id);
              },
            },
          }),
        ),
    };
    events = new EventWatch({ ...control, store: counting });
    const watchers = await Promise.all(Array.from({ length: 30 }, () => watching()));
    await createPool(control, owner, newPool("prod"));
    for (const names of await Promise.all(watchers.map(({ names }) => names()))) expect(names).toEqual(["pool prod"]);
    const { cursor = "" } = watchers[0]?.first ?? {};
    expect(await (await watching(owner, { cursor })).names()).toEqual(["pool prod"]);
    expect(reads).toBe(1);
    await updatePool(control, owner, { reference: ref("prod"), changes: { description: "new" }, etag: "" });
    for (const names of await Promise.all(watchers.map(({ names }) => names()))) expect(names).toEqual(["pool prod"]);
    expect(reads).toBe(2);
  });

  test("who leaves makes room: a key has 32 streams, and waits a moment for one to end", async () => {
    const watchers = await Promise.all(Array.from({ length: 32 }, () => watching()));
    const refused = passing(events.watch(owner, { organization: "", cursor: "", signal: AbortSignal.any([]) }).next());
    await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
    expect(events.watchers).toBe(32);
    await watching(fixture.as("owner"));
    const leaving = watchers[0]?.stream.next();
    watchers[0]?.leave();
    await expect(leaving).rejects.toThrow("left");
    await watchers[1]?.stream.return();
    expect(events.watchers).toBe(31);
    await watching();
    for (const { leave, stream } of watchers) {
      leave();
      await stream.return();
    }
  });

  test("a key of an agent may not watch", async () => {
    const agent = { kind: "agent_session", agentId: newId("agent", systemRandom) } as const;
    const watched = events.watch(agent, { organization: "", cursor: "", signal: AbortSignal.any([]) });
    await expect(watched.next()).rejects.toMatchObject({ code: "permission_denied" });
  });
});
