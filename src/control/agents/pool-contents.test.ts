import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import { type Agent, labelsOf } from "../../domain/agents/agent.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { revokeWorkspaces } from "../workspaces/grants.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { assignWorkspaces, unassignWorkspaces } from "./pool-assignments.ts";
import { getPoolOverview } from "./pool-overview.ts";
import { listQueuedJobs } from "./pool-queue.ts";
import { createPool, listPools } from "./pools.ts";
import { createAgentToken, revokeAgentToken } from "./tokens.ts";

let fixture: TestControl;
let pool: AgentPool;
beforeEach(async () => {
  fixture = await openTestControl();
  pool = (await createPool(fixture.control, fixture.as("owner"), newPool("prod"))).pool;
});
afterEach(() => fixture[Symbol.asyncDispose]());

const day = (n: number) => new Date(Date.UTC(2026, 0, n));

const workspaceIn = async (name: string, agentSelector = "", poolName = "prod"): Promise<Workspace> =>
  (
    await createWorkspace(
      fixture.control,
      fixture.as("owner"),
      newWorkspace(name, { executionMode: "agent", pool: poolName, agentSelector }),
    )
  ).workspace;

/** A job that waits for the pool of its workspace. */
async function queued(workspace: Workspace, over: Partial<Job> = {}): Promise<Job> {
  const run = runRow(workspace, { status: "plan_queued", urgency: over.urgency ?? 1 });
  const job = jobRow(run, { poolId: workspace.poolId, ...over });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  return job;
}

/** A connected agent of the pool. */
async function present(over: Partial<Agent> = {}): Promise<Agent> {
  const agent = agentRow(pool, { labels: {}, ...over });
  await fixture.control.store.write((tx) => tx.agents.insert(agent));
  const { id: agentId, name, poolId } = agent;
  fixture.control.presence.enter(fakeConnectedAgent({ agentId, name, poolId, labels: labelsOf(agent) }).connected);
  return agent;
}

const rowOf = (job: Job) => fixture.control.store.read((q) => q.jobs.get(job.id));

describe("lists of pools", () => {
  test("in each order, searched, page by page; a token belongs to its order", async () => {
    const { control, as, clock } = fixture;
    for (const [name, description] of [
      ["beta", "with GPUs"],
      ["alpha", ""],
    ] as const) {
      await clock.advance(1000);
      await createPool(control, as("owner"), newPool(name, { description }));
    }
    const list = (over: object) =>
      listPools(control, as("reader"), { organization: "acme", page: { size: 0, token: "" }, ...over });
    const names = async (over: object) => (await list(over)).rows.map((view) => view.pool.name);
    expect(await names({})).toEqual(["alpha", "beta", "prod"]);
    expect(await names({ orderBy: "name desc" })).toEqual(["prod", "beta", "alpha"]);
    expect(await names({ orderBy: "create_time" })).toEqual(["prod", "beta", "alpha"]);
    expect(await names({ orderBy: "create_time desc" })).toEqual(["alpha", "beta", "prod"]);
    expect(await names({ search: "gpu" })).toEqual(["beta"]);
    const one = await list({ orderBy: "create_time desc", page: { size: 2, token: "" } });
    expect(await names({ orderBy: "create_time desc", page: { size: 2, token: one.nextToken } })).toEqual(["prod"]);
    await expect(list({ page: { size: 2, token: one.nextToken } })).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: "page_token" }],
    });
    await expect(list({ orderBy: "size" })).rejects.toMatchObject({ fields: [{ field: "order_by" }] });
  });
});

describe("a pool's queue", () => {
  test("says of each job, in the order of dispatch and page by page, why it waits", async () => {
    const { control, as } = fixture;
    const [plain, choosy] = [await workspaceIn("plain"), await workspaceIn("choosy", "gpu,zone=a")];
    await queued(plain, { queuedAt: day(1), urgency: 2 });
    await queued(choosy, { queuedAt: day(3) });
    await queued(plain, { queuedAt: day(2), rank: 0, phase: "apply" });
    const list = (size = 0, token = "") =>
      listQueuedJobs(control, as("reader"), { reference: ref("prod"), page: { size, token } });
    const seen = async () =>
      (await list()).rows.map(({ workspaceName, waiting: { reason, queuePosition } }) => [
        workspaceName,
        reason,
        queuePosition,
      ]);
    expect(await seen()).toEqual([
      ["plain", "no_agent_online", 1],
      ["choosy", "no_agent_online", 2],
      ["plain", "no_agent_online", 3],
    ]);
    await present({ name: "vm-1", labels: { zone: "b" } });
    expect(await seen()).toEqual([
      ["plain", "agents_busy", 1],
      ["choosy", "no_matching_agent", 2],
      ["plain", "agents_busy", 3],
    ]);
    const [, second] = (await list()).rows;
    expect(second?.waiting.detail).toBe(
      'no connected agent of pool prod matches the selector "gpu,zone=a" of the workspace and takes plans: there are vm-1 (arch=x64, os=linux, zone=b)',
    );
    const one = await list(2);
    const two = await list(2, one.nextToken);
    expect([...one.rows, ...two.rows].map(({ waiting }) => waiting.queuePosition)).toEqual([1, 2, 3]);
    await present({ name: "vm-2", labels: { zone: "a", gpu: "" } });
    expect((await seen())[1]).toEqual(["choosy", "agents_busy", 2]);
  });

  test("an agent that takes plans only is none for an apply", async () => {
    const workspace = await workspaceIn("plain");
    await queued(workspace, { rank: 0, phase: "apply" });
    await present({ labels: { accept: "plan" } });
    const { rows } = await listQueuedJobs(fixture.control, fixture.as("reader"), {
      reference: ref("prod"),
      page: { size: 0, token: "" },
    });
    expect(rows[0]?.waiting).toMatchObject({
      reason: "no_matching_agent",
      detail: expect.stringContaining("takes applies"),
    });
  });

  test("a workspace that is not granted waits for the grant", async () => {
    const { control, as } = fixture;
    await createPool(control, as("owner"), newPool("small", { isOrganizationScoped: false, grants: ["net"] }));
    await queued(await workspaceIn("net", "", "small"));
    await revokeWorkspaces(control, as("owner"), { pool: ref("small"), workspaces: ["net"] });
    const wanted = { reference: ref("small"), page: { size: 0, token: "" } };
    const { rows } = await listQueuedJobs(control, as("reader"), wanted);
    expect(rows.map(({ waiting }) => waiting.reason)).toEqual(["pool_not_granted"]);
    await expect(listQueuedJobs(control, as("owner", fixture.sibling), wanted)).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

test("the overview has everything at once: counts, agents, good tokens, queue and active runs", async () => {
  const { control, as } = fixture;
  const workspace = await workspaceIn("net");
  const good = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: null });
  const bad = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: null });
  await revokeAgentToken(control, as("owner"), { id: bad.token.id, stopsJobs: false });
  const agent = await present({ status: "busy", isPaused: true, concurrency: 3, tokenId: good.token.id });
  await control.store.write((tx) => tx.agents.insert(agentRow(pool, { name: "gone", status: "exited" })));
  const waiting = await queued(workspace);
  const running = runRow(workspace, { status: "planning" });
  await control.store.write(async (tx) => {
    await tx.runs.insert(running);
    await tx.jobs.insert(jobRow(running, startedBy(agent)));
  });
  const overview = await getPoolOverview(control, as("reader"), ref("prod"));
  expect(overview.pool.counts).toMatchObject({ pausedAgents: 1, capacity: 3, queuedJobs: 1, runningJobs: 1 });
  expect(overview.agents.map((view) => view.agent.name)).toEqual([agent.name]);
  expect(overview.tokens.map(({ token, agents, isActive }) => [token.id, agents, isActive])).toEqual([
    [good.token.id, [agent.name], true],
  ]);
  expect(overview.queue.map(({ job }) => job.id)).toEqual([waiting.id]);
  expect(overview.runs.map(({ run }) => run.id)).toEqual([running.id]);
  await expect(getPoolOverview(control, as("owner", fixture.sibling), ref(pool.id))).rejects.toMatchObject({
    code: "not_found",
  });
});

describe("assigning workspaces", () => {
  test("moves them and their queued jobs, all or none", async () => {
    const { control, as } = fixture;
    await createPool(control, as("owner"), newPool("small", { isOrganizationScoped: false, grants: ["aa", "bb"] }));
    for (const name of ["aa", "bb", "cc"]) await createWorkspace(control, as("owner"), newWorkspace(name));
    const a = await control.store.read((q) => q.workspaces.byName(fixture.organization.id, "aa"));
    if (a === undefined) throw new Error("the workspace is there");
    const job = await queued(a);
    const assign = (...workspaces: string[]) =>
      assignWorkspaces(control, as("operator"), { pool: ref("small"), workspaces });
    await expect(assign("aa", "cc")).rejects.toMatchObject({
      code: "pool_not_granted",
      metadata: { pool: "small", workspaces: "cc" },
    });
    expect((await rowOf(job))?.poolId).toBeNull();
    const view = await assign("aa", a.id, "bb");
    expect(view.assigned).toEqual(["aa", "bb"]);
    expect((await rowOf(job))?.poolId).toBe(view.pool.id);
    expect((await assign("aa")).assigned).toEqual(["aa", "bb"]);
    await expect(
      assignWorkspaces(control, as("planner"), { pool: ref("small"), workspaces: ["aa"] }),
    ).rejects.toMatchObject({
      code: "permission_denied",
    });
  });

  test("and taking them away moves them back to the server; one of another pool is refused", async () => {
    const { control, as } = fixture;
    await createPool(control, as("owner"), newPool("other"));
    const [net, dns] = [await workspaceIn("net", "gpu"), await workspaceIn("dns", "", "other")];
    const job = await queued(net);
    const unassign = (...workspaces: string[]) =>
      unassignWorkspaces(control, as("operator"), { pool: ref("prod"), workspaces });
    await expect(unassign("net", dns.name)).rejects.toMatchObject({
      code: "validation",
      message: expect.stringContaining("dns"),
    });
    expect((await rowOf(job))?.poolId).toBe(pool.id);
    expect((await unassign("net")).assigned).toEqual([]);
    expect((await rowOf(job))?.poolId).toBeNull();
    const row = await control.store.read((q) => q.workspaces.get(net.id));
    expect(row).toMatchObject({ executionMode: "remote", poolId: null, agentSelector: "" });
    await unassign("net");
  });
});
