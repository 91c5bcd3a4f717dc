import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { createPool, deletePool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { deleteWorkspace } from "../workspaces/deletion.ts";
import { createWorkspace, updateWorkspace } from "../workspaces/workspaces.ts";
import { type ChangedThing, type ChangedThings, watchEvents } from "./watch.ts";

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
      return `gone ${thing.what}`;
  }
}

describe.each(testEngines)("what changes, on $name", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let owner: Person;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    fixture = held.use(await openTestControl({ rows: (await engine.urls(held)).rows }));
    owner = fixture.as("owner");
  });
  afterEach(() => held.disposeAsync());

  /** A watcher, which has read where things stand. */
  async function watching(who: Person = owner, { organization = "", cursor = "" } = {}) {
    const over = new AbortController();
    held.defer(() => over.abort());
    const stream = watchEvents(fixture.control, who, { organization, cursor, signal: over.signal });
    const first = cursor === "" ? await stream.next() : undefined;
    const next = async (): Promise<ChangedThings> => {
      const message = stream.next();
      let isThere = false;
      const seen = message.finally(() => {
        isThere = true;
      });
      // It gathers what comes together, on a clock that stands still.
      const passing = (async () => {
        while (!isThere) await fixture.clock.advance(2_000);
      })();
      const { value, done } = await seen.finally(() => passing);
      if (done === true) throw new Error("the stream has ended");
      return value;
    };
    return { first: first?.value, next, names: async () => (await next()).things.map(nameOf) };
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
    const workspace = await workspaceCalled("dns");
    const { pool } = await createPool(fixture.control, owner, newPool("prod"));
    const watcher = await watching();
    const run = runRow(workspace, { status: "plan_queued" });
    await fixture.control.store.write((tx) => tx.runs.insert(run));
    expect(await watcher.names()).toEqual(["run plan_queued", "workspace dns"]);
    const job = jobRow(run, { poolId: pool.id });
    await fixture.control.store.write((tx) => tx.jobs.insert(job));
    expect(await watcher.names()).toEqual(["run plan_queued", "pool prod"]);
    await createAgentToken(fixture.control, owner, {
      ...{ pool: ref("prod"), description: "", requestId: "", expiresInMs: null },
    });
    expect(await watcher.names()).toEqual(["token of prod"]);
    const agent = agentRow(pool);
    await fixture.control.store.write((tx) => tx.agents.insert(agent));
    expect(await watcher.names()).toEqual(["agent vm-1 idle", "pool prod"]);
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
    expect(await watcher.names()).toEqual(["gone workspace", "gone pool"]);
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

  test("a key of an agent may not watch", async () => {
    const agent = { kind: "agent_session", agentId: newId("agent", systemRandom) } as const;
    const watched = watchEvents(fixture.control, agent, { organization: "", cursor: "", signal: AbortSignal.any([]) });
    await expect(watched.next()).rejects.toMatchObject({ code: "permission_denied" });
  });
});
