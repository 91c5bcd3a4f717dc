import { expect, test } from "vitest";
import { describeOnBoth, insertBasics } from "../../../../test/support/store/queries.ts";
import {
  agent,
  apiKey,
  at,
  job,
  organization,
  pool,
  run,
  state,
  token,
  workspace,
} from "../../../../test/support/store/rows.ts";
import type { AgentStatus } from "../../../domain/agents/agent.ts";
import type { RunStatus } from "../../../domain/runs/run.ts";
import type { OrganizationId } from "../../../lib/words/ids.ts";
import type { Few, Held } from "../../ports/attention.ts";
import type { Queries } from "../../ports/store.ts";

const found = ({ rows, count }: Few<{ readonly id: string }>) => [rows.map(({ id }) => id), count];
const inAcme = (limit: number) => ({ organizationId: "org_1", limit }) as const;
const everywhere = (limit: number) => ({ organizationId: null, limit });

/** A workspace of its own that a run of this status holds. */
async function insertHeld(tx: Queries, name: string, status: RunStatus, organizationId: OrganizationId = "org_1") {
  const lock = { kind: "run", runId: `run_${name}`, at: at(0) } as const;
  await tx.workspaces.insert(workspace({ id: `ws_${name}`, name, organizationId, lock }));
  await tx.runs.insert(run({ id: `run_${name}`, workspaceId: `ws_${name}`, organizationId, status }));
}

describeOnBoth("what needs somebody", (store) => {
  test("plans that wait, the longest first, of one organization or of all", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      const planned = { status: "planned" } as const;
      await tx.runs.insert(run({ id: "run_b", ...planned, statusAt: at(2) }));
      await tx.runs.insert(run({ id: "run_c", ...planned, statusAt: at(1) }));
      await tx.runs.insert(run({ id: "run_a", ...planned, statusAt: at(2) }));
      await tx.workspaces.insert(workspace({ id: "ws_2", organizationId: "org_2" }));
      await tx.runs.insert(
        run({ id: "run_z", organizationId: "org_2", workspaceId: "ws_2", ...planned, statusAt: at(0) }),
      );
    });
    await store.read(async (q) => {
      expect(found(await q.attention.plannedRuns(inAcme(5)))).toEqual([["run_c", "run_a", "run_b"], 3]);
      expect(found(await q.attention.plannedRuns(everywhere(1)))).toEqual([["run_z"], 4]);
      // As many as are wanted: whether there are more is counted.
      expect(found(await q.attention.plannedRuns(inAcme(3)))).toEqual([["run_c", "run_a", "run_b"], 3]);
      expect(found(await q.attention.plannedRuns(inAcme(0)))).toEqual([[], 3]);
    });
  });

  test("nothing is counted beyond a thousand", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (let n = 0; n < 1_001; n += 1) await tx.states.insert(state({ id: `sv_${n}`, status: "quarantined" }));
    });
    await store.read(async (q) => {
      const { rows, count } = await q.attention.quarantinedStates(inAcme(2));
      expect([rows.length, count]).toEqual([2, 1_000]);
    });
  });

  test("states that are kept aside, the oldest first", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      const aside = { status: "quarantined" } as const;
      await tx.states.insert(state({ id: "sv_b", ...aside, createdAt: at(1) }));
      await tx.states.insert(state({ id: "sv_a", ...aside, createdAt: at(1) }));
      await tx.states.insert(state({ id: "sv_c", ...aside, createdAt: at(0) }));
      await tx.states.insert(state({ id: "sv_d", status: "superseded", createdAt: at(0) }));
      await tx.states.insert(state({ id: "sv_e", status: "current", createdAt: at(0) }));
    });
    await store.read(async (q) => {
      expect(found(await q.attention.quarantinedStates(inAcme(9)))).toEqual([["sv_c", "sv_a", "sv_b"], 3]);
      expect(found(await q.attention.quarantinedStates({ organizationId: "org_2", limit: 9 }))).toEqual([[], 0]);
    });
  });

  test("of the runs that hold a workspace only the ended ones: a plan that waits is told elsewhere", async () => {
    const statuses: readonly RunStatus[] = [
      ...(["pending", "plan_queued", "planning", "planned", "apply_queued", "applying"] as const),
      ...(["planned_and_finished", "applied", "discarded", "errored", "canceled", "force_canceled"] as const),
    ];
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const status of statuses) await insertHeld(tx, status, status);
      // An ended run that holds nothing.
      await tx.runs.insert(run({ id: "run_free", status: "errored" }));
    });
    await store.read(async (q) => {
      expect(found(await q.attention.heldByEndedRuns(inAcme(99), { from: null, to: null }))).toEqual([
        [
          ...["run_applied", "run_canceled", "run_discarded", "run_errored"],
          ...["run_force_canceled", "run_planned_and_finished"],
        ],
        6,
      ]);
    });
  });

  test("what is held is looked through in parts, each from behind one place up to another", async () => {
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const name of ["a", "b", "c", "d"]) await insertHeld(tx, name, "errored");
      await insertHeld(tx, "0", "errored", "org_2");
      await tx.workspaces.insert(workspace({ id: "ws_free", name: "free" }));
    });
    const place = (runId: `run_${string}`, organizationId: OrganizationId = "org_1"): Held => ({
      organizationId,
      runId,
    });
    await store.read(async (q) => {
      const after = (from: Held | null, rows: number) => q.attention.heldAfter(everywhere(1), { from, rows });
      expect(await after(null, 1)).toEqual(place("run_a"));
      expect(await after(null, 2)).toEqual(place("run_b"));
      expect(await after(place("run_b"), 2)).toEqual(place("run_d"));
      expect(await after(place("run_d"), 1)).toEqual(place("run_0", "org_2"));
      expect(await after(place("run_d"), 2)).toBeNull();
      expect(await q.attention.heldAfter(inAcme(1), { from: place("run_d"), rows: 1 })).toBeNull();
      const part = async (from: Held | null, to: Held | null) =>
        found(await q.attention.heldByEndedRuns(everywhere(9), { from, to }));
      expect(await part(null, place("run_b"))).toEqual([["run_a", "run_b"], 2]);
      expect(await part(place("run_b"), place("run_d"))).toEqual([["run_c", "run_d"], 2]);
      expect(await part(place("run_d"), null)).toEqual([["run_0"], 1]);
    });
  });

  test("pools that are needed and have nobody, or nobody who takes a job; those that nobody needs are left alone", async () => {
    const agentsOf: Readonly<Record<string, readonly Partial<ReturnType<typeof agent>>[]>> = {
      none: [],
      gone: [{ status: "unknown" }, { status: "errored" }, { status: "exited" }],
      paused: [
        { status: "idle", isPaused: true },
        { status: "busy", isDraining: true },
      ],
      some: [{ status: "idle", isPaused: true }, { status: "busy" }],
    };
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const [name, agents] of Object.entries(agentsOf)) {
        await tx.pools.insert(pool({ id: `apool_${name}`, name }));
        await tx.workspaces.insert(workspace({ id: `ws_${name}`, name, poolId: `apool_${name}` }));
        for (const [n, change] of agents.entries())
          await tx.agents.insert(agent({ id: `agent_${name}${n}`, poolId: `apool_${name}`, ...change }));
      }
      // Nobody is assigned to it, and a job waits for it all the same.
      await tx.pools.insert(pool({ id: "apool_queue", name: "queue" }));
      await tx.jobs.insert(job({ poolId: "apool_queue" }));
      await tx.pools.insert(pool({ id: "apool_unused", name: "unused" }));
      await tx.jobs.insert(job({ id: "job_2", poolId: "apool_unused", status: "started" }));
    });
    await store.read(async (q) => {
      expect(found(await q.attention.poolsWithoutAgents(inAcme(9)))).toEqual([
        ["apool_gone", "apool_none", "apool_queue"],
        3,
      ]);
      expect(found(await q.attention.pausedPools(inAcme(9)))).toEqual([["apool_paused"], 1]);
      expect(found(await q.attention.poolsWithoutAgents({ organizationId: "org_2", limit: 9 }))).toEqual([[], 0]);
    });
  });

  test("agents with a warning, as long as they may still be there, by name", async () => {
    const statuses: readonly AgentStatus[] = ["unknown", "idle", "busy", "errored", "exited"];
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const status of statuses)
        await tx.agents.insert(agent({ id: `agent_${status}`, name: `vm-${status}`, status, warning: "old" }));
      await tx.agents.insert(agent({ id: "agent_server", organizationId: null, poolId: null, warning: "old" }));
    });
    await store.read(async (q) => {
      expect(found(await q.attention.warnedAgents(inAcme(9)))).toEqual([
        ["agent_busy", "agent_idle", "agent_unknown"],
        3,
      ]);
      expect(found(await q.attention.warnedAgents(everywhere(1)))).toEqual([["agent_server"], 4]);
    });
  });

  test("credentials that end within a time, from behind its begin to its end, unless somebody has dealt with them", async () => {
    const ends: readonly (readonly [string, Partial<ReturnType<typeof token>>])[] = [
      ["begin", { expiresAt: at(10) }],
      ["first", { expiresAt: new Date(at(10).getTime() + 1) }],
      ["last", { expiresAt: at(20) }],
      ["late", { expiresAt: new Date(at(20).getTime() + 1) }],
      ["never", { expiresAt: null }],
      ["revoked", { expiresAt: at(15), revokedAt: at(1) }],
      ["replaced", { expiresAt: at(15), replacedBy: "atok_first" }],
    ];
    await store.write(async (tx) => {
      await insertBasics(tx);
      for (const [name, { expiresAt = null, revokedAt = null, replacedBy = null }] of ends) {
        await tx.tokens.insert(token({ id: `atok_${name}`, expiresAt, revokedAt, replacedBy }));
        const replaced = { replacedBy: replacedBy === null ? null : "key_first" } as const;
        const key = { id: `key_${name}`, hash: name, expiresAt, revokedAt, ...replaced } as const;
        await tx.apiKeys.insert(apiKey(key));
      }
      await tx.apiKeys.insert(apiKey({ id: "key_admin", hash: "admin", organizationId: null, expiresAt: at(12) }));
    });
    const period = { after: at(10), until: at(20) };
    await store.read(async (q) => {
      expect(found(await q.attention.endingTokens(inAcme(9), period))).toEqual([["atok_first", "atok_last"], 2]);
      expect(found(await q.attention.endingTokens(inAcme(1), period))).toEqual([["atok_first"], 2]);
      expect(found(await q.attention.endingKeys(inAcme(9), period))).toEqual([["key_first", "key_last"], 2]);
      expect(found(await q.attention.endingKeys(everywhere(9), period))).toEqual([
        ["key_first", "key_admin", "key_last"],
        3,
      ]);
    });
  });

  test("there is nothing in an empty organization", async () => {
    await store.write((tx) => tx.organizations.insert(organization()));
    await store.read(async (q) => {
      const none = { from: null, to: null };
      for (const few of [
        await q.attention.plannedRuns(inAcme(1)),
        await q.attention.heldByEndedRuns(inAcme(1), none),
        await q.attention.pausedPools(inAcme(0)),
      ])
        expect(found(few)).toEqual([[], 0]);
      expect(await q.attention.heldAfter(inAcme(1), { from: null, rows: 1 })).toBeNull();
    });
  });
});
