import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { type AgentId, newId } from "../../lib/words/ids.ts";
import { listAgents } from "../agents/list.ts";
import { createPool } from "../agents/pools.ts";
import { rotateAgentToken } from "../agents/token-rotation.ts";
import { createAgentToken, revokeAgentToken } from "../agents/tokens.ts";
import type { Control } from "../core/control.ts";
import { searchedRows } from "../core/pages.ts";
import type { ConnectedAgent } from "../core/presence.ts";
import { listRuns } from "../runs/list.ts";
import { resolveRun } from "../runs/resolution.ts";
import { getRun } from "../runs/runs.ts";
import { unlockWorkspace } from "../runs/workspace-locks.ts";
import { createWorkspace, getWorkspace, listWorkspaces } from "../workspaces/workspaces.ts";
import { issueApiKey } from "./api-keys.ts";
import { countAttention, findAttention } from "./attention.ts";

const dayMs = 24 * 3600 * 1000;

describe.each(testEngines)("what needs somebody, on $name", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let control: Control;
  let owner: Person;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    fixture = held.use(await openTestControl({ rows: (await engine.urls(held)).rows }));
    control = fixture.control;
    owner = fixture.as("owner") as Person;
  });
  afterEach(() => held.disposeAsync());

  const found = async (who = owner, wanted: { organization?: string; limit?: number } = {}) =>
    findAttention(control, who, { organization: "", limit: 0, ...wanted });
  const kinds = async (who = owner) => (await found(who)).map(({ kind, count }) => `${kind} ${count}`);

  /** A workspace with a run that holds it. */
  async function holding(name: string, over: Partial<Run>): Promise<{ workspace: Workspace; run: Run }> {
    const { workspace } = await createWorkspace(control, owner, newWorkspace(name));
    const run = runRow(workspace, over);
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: fixture.clock.now() } });
    });
    return { workspace, run };
  }

  const lost = { status: "errored", errorMessage: "agent vm-1 was lost", endedAt: new Date(0) } as const;
  const counts = { add: 1, change: 0, destroy: 0, import: 0 };

  test("is nothing in an organization where nobody is needed", async () => {
    await holding("busy", { status: "applying" });
    await createPool(control, owner, newPool("unused"));
    expect(await found()).toEqual([]);
  });

  test("are lost applies and plans, until somebody has decided", async () => {
    const { run, workspace } = await holding("net", lost);
    await control.store.write((tx) => tx.jobs.insert(jobRow(run, { phase: "apply", status: "interrupted" })));
    const planned = await holding("dns", { status: "planned", hasChanges: true, plannedChanges: counts });
    await holding("busy", { status: "planning" });
    const next = runRow(workspace);
    await control.store.write((tx) => tx.runs.insert(next));
    expect(await found()).toEqual([
      {
        ...{ kind: "lost_apply", count: 1 },
        items: [
          {
            ...{ id: run.id, name: "", organization: "acme", workspace: "net" },
            ...{ detail: "agent vm-1 was lost", at: new Date(0) },
          },
        ],
      },
      {
        ...{ kind: "plan_to_confirm", count: 1 },
        items: [
          expect.objectContaining({
            id: planned.run.id,
            workspace: "dns",
            detail: "1 to add, 0 to change, 0 to destroy",
          }),
        ],
      },
    ]);
    await control.store.write((tx) => tx.runs.save({ ...planned.run, deniedBy: "post-plan.d/cost" }));
    expect((await found())[1]?.items[0]?.detail).toBe(
      "1 to add, 0 to change, 0 to destroy; the hook post-plan.d/cost has denied it: only an owner may confirm it",
    );
    const interrupted = async () => {
      const all = await control.store.read((q) => q.jobs.countByStatus());
      return Object.fromEntries(all.map(({ status, count }) => [status, count]));
    };
    expect(await interrupted()).toEqual({ interrupted: 1, errored: 0 });

    const command = `windlass run resolve ${run.id}`;
    const waiting = async (id: string) => (await getRun(control, owner, id)).waiting;
    expect(await waiting(run.id)).toMatchObject({ reason: "resolution", detail: expect.stringContaining(command) });
    expect(await waiting(next.id)).toMatchObject({
      ...{ reason: "earlier_run", blockingRunId: run.id },
      detail: `waits for run ${run.id} to be decided, since nobody knows what its apply did: ${command}`,
    });
    expect(await getWorkspace(control, owner, ref("net"))).toMatchObject({ holderStatus: "errored" });

    const page = { size: 0, token: "" };
    const decided = { organization: "", workspace: "", statuses: null, needsDecision: true };
    const listed = async () =>
      (await listRuns(control, owner, { filter: decided, page })).rows.map((row) => row.run.id);
    expect((await listed()).toSorted()).toEqual([run.id, planned.run.id].toSorted());
    const wanted = {
      organization: "",
      pool: "",
      tags: [],
      search: "",
      modes: [],
      needsDecision: true,
      isLocked: false,
    };
    const spaces = async () =>
      (await listWorkspaces(control, owner, { ...wanted, page })).rows.map((row) => row.workspace.name);
    expect(await spaces()).toEqual(["dns", "net"]);

    await resolveRun(control, owner, { id: run.id, resolution: "unlock", comment: "" });
    expect(await kinds()).toEqual(["plan_to_confirm 1"]);
    expect(await waiting(run.id)).toBeNull();
    expect(await listed()).toEqual([planned.run.id]);
    expect(await spaces()).toEqual(["dns"]);
    expect(await interrupted()).toMatchObject({ interrupted: 0, errored: 1 });
  });

  test("lost applies are found among thousands of runs that hold a workspace, a part at a time", async () => {
    const { workspace } = await createWorkspace(control, owner, newWorkspace("first"));
    const many = Array.from({ length: searchedRows + 10 }, (_, at) => {
      const own = { ...workspace, id: newId("ws", systemRandom), name: `net-${at}` };
      return { own, run: runRow(own, at % 500 === 0 ? lost : { status: "applying" }) };
    });
    await control.store.write(async (tx) => {
      for (const { own, run } of many) {
        await tx.workspaces.insert(own);
        await tx.runs.insert(run);
        await tx.workspaces.save({ ...own, lock: { kind: "run", runId: run.id, at: fixture.clock.now() } });
      }
    });
    const read = vi.spyOn(control.store, "read");
    const [first] = await findAttention(control, owner, { organization: "", limit: 100 });
    expect(read.mock.calls.length).toBe(4);
    const expected = many.filter(({ run }) => run.status === "errored").map(({ run }) => run.id);
    expect(first?.count).toBe(expected.length);
    expect(first?.items.map(({ id }) => id)).toEqual(expected.toSorted());
    expect((await found(owner, { limit: 2 }))[0]).toMatchObject({ count: expected.length, items: [{}, {}] });
    expect((await countAttention(control))[0]).toEqual({ kind: "lost_apply", count: expected.length });
  });

  test("a run that waits behind a plan is told that it has to be decided", async () => {
    const { run, workspace } = await holding("net", { status: "planned" });
    const next = runRow(workspace);
    await control.store.write((tx) => tx.runs.insert(next));
    expect((await getRun(control, owner, next.id)).waiting?.detail).toBe(
      `waits for run ${run.id} to be confirmed or discarded`,
    );
  });

  test("a lock that was broken by force is no lost apply any more", async () => {
    await holding("net", lost);
    await unlockWorkspace(control, owner, { reference: ref("net"), isForced: true });
    expect(await kinds()).toEqual([]);
  });

  test("are states that were kept aside", async () => {
    const { workspace } = await holding("net", { status: "applying" });
    const aside = stateRow(workspace, { status: "quarantined", quarantineReason: "its run was over", serial: 7 });
    await control.store.write(async (tx) => {
      await tx.states.insert(aside);
      await tx.states.insert(stateRow(workspace, { serial: 6 }));
    });
    expect((await found())[0]).toMatchObject({
      ...{ kind: "quarantined_state", count: 1 },
      items: [{ id: aside.id, workspace: "net", detail: "serial 7: its run was over" }],
    });
  });

  describe("agents", () => {
    let pool: AgentPool;
    beforeEach(async () => {
      ({ pool } = await createPool(control, owner, newPool("prod")));
    });

    test("are missing where workspaces are assigned, or jobs wait", async () => {
      await createPool(control, owner, newPool("unused"));
      await createWorkspace(control, owner, newWorkspace("net", { executionMode: "agent", pool: "prod" }));
      expect(await found()).toEqual([
        {
          ...{ kind: "pool_without_agents", count: 1 },
          items: [
            {
              ...{ id: pool.id, name: "prod", organization: "acme", workspace: "", at: null },
              detail: "no agent is connected; workspaces assigned: 1, jobs that wait: 0",
            },
          ],
        },
      ]);
      await control.store.write((tx) => tx.agents.insert(agentRow(pool, { status: "unknown" })));
      expect(await kinds()).toEqual(["pool_without_agents 1"]);
      await control.store.write((tx) => tx.agents.insert(agentRow(pool, { status: "busy" })));
      expect(await kinds()).toEqual([]);
    });

    test("are there and take nothing, as long as somebody needs them", async () => {
      await createWorkspace(control, owner, newWorkspace("net", { executionMode: "agent", pool: "prod" }));
      const paused = agentRow(pool, { name: "vm-1", isPaused: true, pauseReason: "new disk" });
      const gone = agentRow(pool, { name: "vm-3", status: "exited" });
      await control.store.write(async (tx) => {
        for (const agent of [paused, agentRow(pool, { name: "vm-2", status: "busy", isDraining: true }), gone])
          await tx.agents.insert(agent);
      });
      const detail =
        "no connected agent takes jobs: vm-1 is paused (new disk), vm-2 drains; workspaces assigned: 1, jobs that wait: 0";
      expect(await found()).toEqual([
        {
          ...{ kind: "pool_paused", count: 1 },
          items: [{ id: pool.id, name: "prod", organization: "acme", workspace: "", at: null, detail }],
        },
      ]);
      expect(await countAttention(control)).toContainEqual({ kind: "pool_paused", count: 1 });
      await control.store.write((tx) => tx.agents.save({ ...paused, isPaused: false }));
      expect(await kinds()).toEqual([]);
      expect(await countAttention(control)).toContainEqual({ kind: "pool_paused", count: 0 });
    });

    test("are missing where jobs wait although no workspace is assigned", async () => {
      const { run } = await holding("net", { status: "plan_queued" });
      await control.store.write((tx) => tx.jobs.insert(jobRow(run, { poolId: pool.id })));
      expect(await kinds()).toEqual(["pool_without_agents 1"]);
    });

    test("say what is wrong with them, as long as they are connected", async () => {
      await control.store.write(async (tx) => {
        await tx.agents.insert(agentRow(pool, { name: "vm-1", warning: "disk full" }));
        await tx.agents.insert(agentRow(pool, { name: "vm-2", warning: "disk full", status: "exited" }));
      });
      expect((await found())[0]).toMatchObject({
        ...{ kind: "agent_warning", count: 1 },
        items: [{ name: "vm-1", detail: "disk full" }],
      });
    });

    test("say that they take nothing for now, as long as they do", async () => {
      const here = agentRow(pool, { name: "vm-2" });
      const warned = agentRow(pool, { name: "vm-1", warning: "an old version" });
      const elsewhere = agentRow(pool, { name: "vm-3", organizationId: fixture.sibling.id });
      await control.store.write(async (tx) => {
        for (const agent of [here, warned, elsewhere]) await tx.agents.insert(agent);
      });
      const connected = (agentId: AgentId, refusal: string) =>
        ({ agentId, refusal, way: { problem: "" } }) as unknown as ConnectedAgent;
      const site = async () => (await countAttention(control)).find(({ kind }) => kind === "agent_warning")?.count;
      for (const { id } of [here, warned, elsewhere]) control.presence.enter(connected(id, "disk full: 30 MiB free"));
      expect((await found())[0]).toMatchObject({
        ...{ kind: "agent_warning", count: 2 },
        items: [
          { name: "vm-1", detail: "an old version; disk full: 30 MiB free" },
          { name: "vm-2", detail: "disk full: 30 MiB free", organization: "acme" },
        ],
      });
      expect(await site()).toBe(3);
      for (const { id } of [here, warned, elsewhere]) control.presence.enter(connected(id, ""));
      expect((await found())[0]).toMatchObject({ count: 1, items: [{ name: "vm-1", detail: "an old version" }] });
      expect(await site()).toBe(1);
    });

    const agentToken = (days: number, description: string) =>
      createAgentToken(control, owner, {
        ...{ pool: ref("prod"), description, expiresInMs: days * dayMs, requestId: "" },
      });

    test("have tokens that end within two weeks and that nobody has dealt with", async () => {
      await agentToken(15, "later");
      await agentToken(0, "never");
      const soon = await agentToken(13, "soon");
      const revoked = await agentToken(2, "revoked");
      await revokeAgentToken(control, owner, { id: revoked.token.id, stopsJobs: false });
      const rotated = await agentToken(1, "rotated");
      await rotateAgentToken(control, owner, { id: rotated.token.id, overlapMs: dayMs, expiresInMs: 60 * dayMs });
      const tokenId = soon.token.id;
      expect((await found())[0]).toMatchObject({
        ...{ kind: "agent_token_ends", count: 1 },
        items: [{ id: tokenId, name: "soon", detail: "admits agents to pool prod" }],
      });

      await control.store.write(async (tx) => {
        await tx.agents.insert(agentRow(pool, { name: "vm-1", tokenId, warning: "disk full" }));
        await tx.agents.insert(agentRow(pool, { name: "vm-2", tokenId: rotated.token.id }));
        await tx.agents.insert(agentRow(pool, { name: "vm-3" }));
      });
      const all = { organization: "", pool: "", statuses: [], includesExited: false, selector: "", search: "" };
      const { rows } = await listAgents(control, owner, { ...all, page: { size: 0, token: "" } });
      expect(rows.map(({ agent }) => agent.warning)).toEqual([
        `disk full; its token ends 2026-01-14T00:00:00Z: windlass token rotate ${tokenId}`,
        expect.stringMatching(
          /^its token was replaced by atok_\w+ and ends 2026-01-02T00:00:00Z: give it the new one$/,
        ),
        "",
      ]);
      await fixture.clock.advance(14 * dayMs);
      expect((await found()).map(({ items }) => items.map(({ name }) => name))).toEqual([["vm-1"], ["later"]]);
    });
  });

  test("keys are told to those who may see them, and everybody hears of the own one", async () => {
    const key = (name: string, role: "reader" | "owner", days: number) =>
      issueApiKey(control, fixture.admin, {
        ...{ organization: "acme", name, role, expiresInMs: days * dayMs },
      });
    const reader = await key("ci", "reader", 3);
    await key("ana", "owner", 30);
    expect((await found())[0]).toMatchObject({ kind: "api_key_ends", count: 1, items: [{ name: "ci" }] });
    expect(await kinds(fixture.as("operator") as Person)).toEqual([]);
    const itself: Person = { ...(fixture.as("reader") as Person), id: reader.key.id };
    expect(await kinds(itself)).toEqual(["api_key_ends 1"]);
    expect(await kinds(fixture.as("owner", fixture.sibling) as Person)).toEqual([]);
    expect(await kinds(fixture.admin as Person)).toEqual(["api_key_ends 1"]);
  });

  test("the certificate of the server is for site admins, in its last two weeks and after its end", async () => {
    const admin = fixture.admin as Person;
    const withEnd = (days: number): Control => ({
      ...control,
      certificate: () => ({
        name: "tf.example.com",
        beginsAt: new Date(0),
        endsAt: new Date(fixture.clock.now().getTime() + days * dayMs),
      }),
    });
    const told = async (days: number, who: Person) =>
      (await findAttention(withEnd(days), who, { organization: "", limit: 0 })).map(({ items }) => items[0]?.detail);
    expect(await told(15, admin)).toEqual([]);
    expect(await told(13, admin)).toEqual(["the certificate of the server ends"]);
    expect(await told(-1, admin)).toEqual(["the certificate of the server has ended"]);
    expect(await told(13, owner)).toEqual([]);
  });

  test("is bounded: a count, and the first of each kind; others see nothing of it", async () => {
    for (const name of ["aa", "bb", "cc"]) await holding(name, lost);
    const [one] = await found(owner, { limit: 2 });
    expect(one).toMatchObject({ kind: "lost_apply", count: 3 });
    expect(one?.items).toHaveLength(2);
    expect(await found(fixture.as("owner", fixture.sibling) as Person)).toEqual([]);
    const asked = found(fixture.as("owner", fixture.sibling) as Person, { organization: "acme" });
    await expect(asked).rejects.toMatchObject({ code: "not_found" });
    const all = await found(fixture.admin as Person);
    expect(all).toMatchObject([{ kind: "lost_apply", count: 3 }]);
    expect(await found(fixture.admin as Person, { organization: "rival" })).toEqual([]);
    const site = await countAttention(control);
    expect(site.filter(({ count }) => count > 0)).toEqual([{ kind: "lost_apply", count: 3 }]);
  });
});
