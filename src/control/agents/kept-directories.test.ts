import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent } from "../../../test/support/fake-agent.ts";
import { jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { until } from "../../../test/support/until.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { getRun } from "../runs/runs.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { getAgent } from "./agents.ts";
import { type Removal, removeKeptDirectories } from "./kept-directories.ts";
import { createPool } from "./pools.ts";
import { createAgentToken } from "./tokens.ts";

let fixture: TestControl;
let token: Principal;
let agent: FakeAgent;
beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as } = fixture;
  const { pool } = await createPool(control, as("owner"), newPool("prod"));
  const created = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 0 });
  token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
  agent = await FakeAgent.connect(control, token);
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

const directory = (jobId: string, runId = "run_1") => ({
  claim: { jobId, epoch: 1n },
  ...{ runId, workspace: "net", reason: "nobody took the state", path: `/data/jobs/${jobId}-1`, sizeBytes: 12_000n },
  keepTime: timestampFromMs(1_000),
});

/** Tells what is kept, and answers the reply. */
async function beat(...kept: ReturnType<typeof directory>[]) {
  agent.send({ case: "heartbeat", value: { kept } });
  return agent.next("heartbeatReply");
}

const remove = (over: Partial<Removal>) =>
  removeKeptDirectories(fixture.control, fixture.as("operator"), {
    ...{ ...ref("vm-1"), jobIds: [], isAll: false },
    ...over,
  });

const kept = async () => (await getAgent(fixture.control, fixture.as("reader"), ref("vm-1"))).agent.keptDirectories;

describe("directories that an agent keeps", () => {
  test("are told with the agent, and gone from there when they are gone", async () => {
    await beat(directory("job_b"), directory("job_a"));
    expect(await kept()).toMatchObject([
      { jobId: "job_b", epoch: 1, workspace: "net", path: "/data/jobs/job_b-1", sizeBytes: 12_000, keptAtMs: 1_000 },
      { jobId: "job_a" },
    ]);
    await beat();
    expect(await kept()).toEqual([]);
  });

  test("are written once, however often they are told", async () => {
    await beat(directory("job_a"));
    let saves = 0;
    const { store } = fixture.control;
    const write = store.write.bind(store);
    store.write = (fn) => {
      saves += 1;
      return write(fn);
    };
    for (let count = 0; count < 3; count++) await beat(directory("job_a"));
    expect(saves).toBe(0);
    await beat(directory("job_a"), directory("job_b"));
    expect(saves).toBe(1);
  });

  test("are still known while the agent is away, and after it has registered again", async () => {
    await beat(directory("job_a"));
    await agent.cut();
    expect(await kept()).toHaveLength(1);
    agent = await FakeAgent.connect(fixture.control, token, { said: agent.said });
    expect(await kept()).toHaveLength(1);
  });

  test("are told with the run whose job left them, and with no other", async () => {
    const { control, as } = fixture;
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
    const run = runRow(workspace, { status: "errored" });
    const job = jobRow(run, { ...startedBy(agent.registration.agent), phase: "apply", status: "errored" });
    const other = runRow(workspace, { status: "errored" });
    await control.store.write(async (tx) => {
      for (const row of [run, other]) await tx.runs.insert(row);
      await tx.jobs.insert(job);
    });
    await beat(directory(job.id, run.id), directory("job_forged", other.id));
    const told = (await getRun(control, as("reader"), run.id)).keptDirectories;
    expect(told).toMatchObject([{ kept: { jobId: job.id }, agent: { name: "vm-1" }, isUnwanted: false }]);
    expect((await getRun(control, as("reader"), other.id)).keptDirectories).toEqual([]);
  });

  test("are counted by pool", async () => {
    await beat(directory("job_a"), directory("job_b"));
    const counts = await fixture.control.store.read((q) => q.agents.countKept());
    expect([...counts]).toEqual([[agent.registration.agent.poolId, 2]]);
  });
});

describe("removing kept directories", () => {
  test("tells the agent at once, and with each heartbeat until they are gone", async () => {
    await beat(directory("job_a"), directory("job_b"));
    await remove({ jobIds: ["job_a"] });
    const wish = [{ jobId: "job_a", epoch: 1n }];
    expect(await agent.next("removeKept")).toMatchObject({ claims: wish });
    const reply = await beat(directory("job_a"), directory("job_b"));
    expect(reply.removeKept).toMatchObject(wish);
    expect((await beat(directory("job_b"))).removeKept).toEqual([]);
    expect((await beat(directory("job_a"), directory("job_b"))).removeKept).toEqual([]);
  });

  test("reaches an agent that comes back", async () => {
    await beat(directory("job_a"));
    await agent.cut();
    await remove({ isAll: true });
    agent = await FakeAgent.connect(fixture.control, token, { said: agent.said });
    expect((await beat(directory("job_a"))).removeKept).toMatchObject([{ jobId: "job_a" }]);
  });

  test("all are those that were known when it was asked for", async () => {
    await beat(directory("job_a"));
    await remove({ isAll: true });
    const reply = await beat(directory("job_new"), directory("job_a"));
    expect(reply.removeKept.map(({ jobId }) => jobId)).toEqual(["job_a"]);
  });

  test("leaves one audit record with the names of the jobs", async () => {
    await beat(directory("job_a"));
    await remove({ jobIds: ["job_a"] });
    const every = { action: "", actor: "", resource: "", since: null, until: null };
    await until("the audit record", () =>
      fixture.control.store.read(async (q) => {
        const rows = await q.audit.list(
          { ...every, organizationId: fixture.organization.id },
          { before: null, limit: 10 },
        );
        return rows.some(({ action, detail }) => action === "agent.remove_kept" && detail.jobs === "job_a");
      }),
    );
  });

  test("refuses what is not kept, nothing at all, and both ways at once", async () => {
    await beat(directory("job_a"));
    await expect(remove({ jobIds: ["job_x"] })).rejects.toMatchObject({ code: "not_found" });
    await expect(remove({})).rejects.toMatchObject({ code: "validation" });
    await expect(remove({ jobIds: ["job_a"], isAll: true })).rejects.toMatchObject({ code: "validation" });
  });

  test("needs an operator", async () => {
    await beat(directory("job_a"));
    const wanted = { ...ref("vm-1"), jobIds: ["job_a"], isAll: false };
    await expect(removeKeptDirectories(fixture.control, fixture.as("planner"), wanted)).rejects.toMatchObject({
      code: "permission_denied",
    });
  });
});
