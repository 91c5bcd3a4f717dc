import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Agent } from "../../domain/agents/agent.ts";
import { topics } from "../core/control.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { deleteAgent, drainAgent, getAgent, pauseAgent, resumeAgent } from "./agents.ts";
import { type AgentList, listAgentJobs, listAgents, watchAgents } from "./list.ts";
import { createPool } from "./pools.ts";

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

const everyAgent = {
  ...{ organization: "acme", pool: "", includesExited: false, search: "", selector: "" },
  statuses: [],
} as const;

const list = ({ size = 0, token = "", ...over }: Partial<AgentList> & { size?: number; token?: string } = {}) => ({
  ...everyAgent,
  ...over,
  page: { size, token },
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

  test("with much to tell are listed and watched in parts, each of which fits into a message", async () => {
    const { control, as } = fixture;
    const prod = await pool();
    const labels = { note: "x".repeat(4_000) };
    const rows = Array.from({ length: 600 }, (_, n) =>
      agentRow(prod, { name: `vm-${String(n).padStart(3, "0")}`, labels }),
    );
    await insert(...rows);
    const seen: string[] = [];
    for (let token = ""; ; ) {
      const page = await listAgents(control, as("reader"), list({ size: 1_000, token }));
      expect(JSON.stringify(page.rows).length).toBeLessThan(2_000_000);
      seen.push(...page.rows.map(({ agent }) => agent.name));
      token = page.nextToken;
      if (token === "") break;
    }
    const { signal } = new AbortController();
    let watched = 0;
    for await (const { agents } of watchAgents(control, as("reader"), { wanted: everyAgent, signal })) {
      watched = agents.length;
      break;
    }
    expect(seen).toEqual(rows.map(({ name }) => name));
    expect(watched).toBe(600);
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
      code: "name_ambiguous",
      message: expect.stringContaining(three.id),
      metadata: { resource: "agent", name: "vm-1", ids: expect.stringContaining(one.id) },
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

  test("what was said when it was paused or drained is shown until it takes jobs again", async () => {
    const { control, as } = fixture;
    const prod = await pool();
    const [agent, other] = [agentRow(prod), agentRow(prod, { name: "vm-2" })];
    await insert(agent, other);
    const said = async (steer: typeof pauseAgent, reason?: string) =>
      (await steer(control, as("operator"), { ...ref(agent.id), ...(reason === undefined ? {} : { reason }) })).agent
        .pauseReason;
    expect(await said(pauseAgent, "new disk")).toBe("new disk");
    expect(await said(pauseAgent)).toBe("new disk");
    expect(await said(drainAgent, "gone for good")).toBe("gone for good");
    expect(await said(resumeAgent)).toBe("gone for good");
    await pauseAgent(control, as("operator"), { ...ref(other.id), reason: "new disk" });
    expect((await resumeAgent(control, as("operator"), ref(other.id))).agent.pauseReason).toBe("");
  });

  test("are found by status, labels, system and a part of the name, page by page", async () => {
    const { control, admin, as } = fixture;
    const prod = await pool();
    await insert(
      agentRow(prod, { name: "east-1", labels: { zone: "a" } }),
      agentRow(prod, { name: "east-2", labels: { zone: "a", gpu: "" }, status: "busy" }),
      agentRow(prod, { name: "west-1", labels: { zone: "b" }, status: "exited", os: "darwin" }),
      agentRow(null, { name: "server", labels: {} }),
    );
    const found = async (over: Partial<AgentList>, who = as("reader")) =>
      (await listAgents(control, who, list(over))).rows.map(({ agent }) => agent.name);
    expect(await found({ selector: "zone=a" })).toEqual(["east-1", "east-2"]);
    expect(await found({ selector: "zone=a,!gpu" })).toEqual(["east-1"]);
    expect(await found({ selector: "os=linux,name!=east-2" }, admin)).toEqual(["east-1", "server"]);
    expect(await found({ statuses: ["busy", "exited"] })).toEqual(["east-2", "west-1"]);
    expect(await found({ search: "EAST" })).toEqual(["east-1", "east-2"]);
    const one = await listAgents(control, as("reader"), list({ selector: "zone", size: 1 }));
    const two = await listAgents(control, as("reader"), list({ selector: "zone", size: 1, token: one.nextToken }));
    expect([...one.rows, ...two.rows].map(({ agent }) => agent.name)).toEqual(["east-1", "east-2"]);
    expect(two.nextToken).toBe("");
    await expect(found({ selector: "zone=a,b c" })).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: "label_selector", description: expect.stringContaining('"b c"') }],
    });
  });

  test("a watcher gets all of them at once, then what changes; a sign of life alone is no news", async () => {
    const { control, clock, as } = fixture;
    const prod = await pool();
    const agent = agentRow(prod);
    await insert(agent);
    const stop = new AbortController();
    const watched = watchAgents(control, as("reader"), { wanted: everyAgent, signal: stop.signal });
    const next = async () => {
      let isThere = false;
      const answer = watched.next().finally(() => {
        isThere = true;
      });
      while (!isThere) await clock.advance(100);
      const { value, done } = await answer;
      if (done === true) return undefined;
      return { ...value, agents: value.agents.map((view) => [view.agent.name, view.agent.isPaused]) };
    };
    expect(await next()).toEqual({ agents: [["vm-1", false]], goneIds: [], isFirst: true });
    await control.store.step((tx) => tx.agents.heard([{ agentId: agent.id, status: "idle", at: clock.now() }]));
    await pauseAgent(control, as("operator"), ref(agent.id));
    expect(await next()).toEqual({ agents: [["vm-1", true]], goneIds: [], isFirst: false });
    await insert(agentRow(prod, { name: "vm-2" }));
    expect(await next()).toEqual({ agents: [["vm-2", false]], goneIds: [], isFirst: false });
    await control.store.write((tx) => tx.agents.delete(agent.id));
    expect(await next()).toEqual({ agents: [], goneIds: [agent.id], isFirst: false });
    stop.abort(new Error("enough"));
    await expect(watched.next()).rejects.toThrow("enough");
    await expect(
      watchAgents(control, as("owner", fixture.sibling), { wanted: everyAgent, signal: stop.signal }).next(),
    ).rejects.toMatchObject({ code: "not_found" });
  });

  test("its jobs are listed newest first with their workspaces, those it has done too", async () => {
    const { control, as, sibling } = fixture;
    const agent = agentRow(await pool());
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("network"));
    const run = runRow(workspace, { status: "planning" });
    await insert(agent);
    const at = (day: number) => new Date(Date.UTC(2026, 0, day));
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(
        jobRow(run, { ...startedBy(agent), status: "errored", errorMessage: "boom", queuedAt: at(1) }),
      );
      await tx.jobs.insert(jobRow(run, { ...startedBy(agent), phase: "apply", queuedAt: at(2) }));
      await tx.jobs.insert(jobRow(run));
    });
    const wanted = { reference: ref("vm-1"), page: { size: 1, token: "" } };
    const one = await listAgentJobs(control, as("reader"), wanted);
    const two = await listAgentJobs(control, as("reader"), { ...wanted, page: { size: 1, token: one.nextToken } });
    expect([...one.rows, ...two.rows].map(({ job, workspaceName }) => [job.phase, job.status, workspaceName])).toEqual([
      ["apply", "started", "network"],
      ["plan", "errored", "network"],
    ]);
    const theirs = { ...wanted, reference: ref(agent.id) };
    await expect(listAgentJobs(control, as("owner", sibling), theirs)).rejects.toMatchObject({ code: "not_found" });
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
