import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../test/support/wanted.ts";
import type { Agent } from "../domain/agent.ts";
import { createPool } from "./agent-pools.ts";
import { deleteAgent, drainAgent, getAgent, listAgents, pauseAgent, resumeAgent } from "./agents.ts";
import { topics } from "./control.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const insert = (...rows: readonly Agent[]) =>
  fixture.control.store.write(async (tx) => {
    for (const row of rows) await tx.agents.insert(row);
  });

const pool = async () => (await createPool(fixture.control, fixture.as("owner"), newPool("prod"))).pool;

const list = (over: { pool?: string; includesExited?: boolean; size?: number; token?: string } = {}) => ({
  organization: "acme",
  pool: over.pool ?? "",
  includesExited: over.includesExited ?? false,
  page: { size: over.size ?? 0, token: over.token ?? "" },
});

describe("agents", () => {
  test("one is shown with its pool and the jobs it holds", async () => {
    const { control, as } = fixture;
    const agent = agentRow(await pool(), { status: "busy" });
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("network"));
    const run = runRow(workspace, { status: "planning" });
    const job = jobRow(run, startedBy(agent));
    await insert(agent);
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    const view = await getAgent(control, as("reader"), ref("vm-1"));
    expect(view).toMatchObject({ poolName: "prod", organizationName: "acme", agent: { id: agent.id, status: "busy" } });
    expect(view.jobs.map(({ id, runId }) => [id, runId])).toEqual([[job.id, run.id]]);
  });

  test("a name that several have needs the id; those that have exited do not count", async () => {
    const { control, as } = fixture;
    const prod = await pool();
    const [one, two] = [agentRow(prod), agentRow(prod, { status: "exited" })];
    await insert(one, two);
    expect((await getAgent(control, as("reader"), ref("vm-1"))).agent.id).toBe(one.id);
    const three = agentRow(prod);
    await insert(three);
    await expect(getAgent(control, as("reader"), ref("vm-1"))).rejects.toMatchObject({
      code: "validation",
      message: expect.stringContaining(three.id),
    });
  });

  test("another tenant's does not exist, and the server agent only for site admins", async () => {
    const { control, admin, as, sibling } = fixture;
    const [theirs, server] = [agentRow(await pool()), agentRow(null, { name: "server" })];
    await insert(theirs, server);
    for (const steer of [getAgent, pauseAgent, resumeAgent, drainAgent, deleteAgent]) {
      await expect(steer(control, as("owner", sibling), ref(theirs.id))).rejects.toMatchObject({ code: "not_found" });
      await expect(steer(control, as("owner"), ref(server.id))).rejects.toMatchObject({ code: "not_found" });
    }
    expect((await pauseAgent(control, admin, ref("server"))).agent.isPaused).toBe(true);
    const names = async (who: typeof admin) =>
      (await listAgents(control, who, list())).rows.map(({ agent }) => agent.name);
    expect(await names(as("reader"))).toEqual(["vm-1"]);
    expect(await names(admin)).toEqual(["server", "vm-1"]);
  });

  test("they are listed by name, page by page, the server agent in its place", async () => {
    const { control, admin } = fixture;
    const prod = await pool();
    await insert(...["a", "d", "b"].map((name) => agentRow(prod, { name })), agentRow(null, { name: "c" }));
    await insert(agentRow(prod, { name: "gone", status: "exited" }));
    const one = await listAgents(control, admin, list({ size: 3 }));
    const two = await listAgents(control, admin, list({ size: 3, token: one.nextToken }));
    expect([...one.rows, ...two.rows].map(({ agent }) => agent.name)).toEqual(["a", "b", "c", "d"]);
    expect((await listAgents(control, admin, list({ pool: "prod", includesExited: true }))).rows).toHaveLength(4);
  });

  test("paused, resumed and drained: the row says so and the agent is woken", async () => {
    const { control, as } = fixture;
    const agent = agentRow(await pool());
    await insert(agent);
    const topic = topics.agent(agent.id);
    let seen = control.wake.version(topic);
    for (const [steer, switches] of [
      [pauseAgent, { isPaused: true, isDraining: false }],
      [resumeAgent, { isPaused: false, isDraining: false }],
      [drainAgent, { isPaused: false, isDraining: true }],
    ] as const) {
      await expect(steer(control, as("planner"), ref(agent.id))).rejects.toMatchObject({ code: "permission_denied" });
      expect((await steer(control, as("operator"), ref(agent.id))).agent).toMatchObject(switches);
      expect(control.wake.version(topic)).toBeGreaterThan(seen);
      seen = control.wake.version(topic);
    }
  });

  test("one that is connected or holds a job is not deleted", async () => {
    const { control, as } = fixture;
    const prod = await pool();
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("network"));
    const [idle, lost, gone] = [
      agentRow(prod),
      agentRow(prod, { status: "errored" }),
      agentRow(prod, { status: "unknown" }),
    ];
    const run = runRow(workspace, { status: "planning" });
    await insert(idle, lost, gone);
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(jobRow(run, startedBy(lost)));
    });
    const remove = (agent: Agent) => deleteAgent(control, as("operator"), ref(agent.id));
    await expect(remove(idle)).rejects.toMatchObject({
      code: "agent_in_use",
      metadata: { agent: "vm-1", status: "idle" },
    });
    await expect(remove(lost)).rejects.toMatchObject({
      code: "agent_in_use",
      message: expect.stringContaining(run.id),
    });
    await remove(gone);
    await expect(getAgent(control, as("reader"), ref(gone.id))).rejects.toMatchObject({ code: "not_found" });
  });
});
