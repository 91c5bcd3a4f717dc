import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { FakeAgent, introduction } from "../../test/support/fake-agent.ts";
import { jobRow, runRow } from "../../test/support/rows.ts";
import { until } from "../../test/support/until.ts";
import { newPool, newWorkspace, ref } from "../../test/support/wanted.ts";
import type { Job } from "../domain/job.ts";
import type { Principal } from "../domain/principal.ts";
import type { Workspace } from "../domain/workspace.ts";
import { CloseReason } from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, JobOutcome } from "../gen/windlass/agent/v1/job_pb.ts";
import { systemRandom } from "../lib/random.ts";
import { createPool } from "./agent-pools.ts";
import { createAgentToken, revokeAgentToken } from "./agent-tokens.ts";
import { authenticate } from "./authentication.ts";
import { dispatchOnce } from "./dispatcher.ts";
import { sweepOnce } from "./sweeper.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let token: Extract<Principal, { kind: "agent_token" }>;
let workspace: Workspace;
const agents: FakeAgent[] = [];

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as } = fixture;
  const { pool } = await createPool(control, as("owner"), newPool("prod"));
  const created = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 0 });
  token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
  const wanted = newWorkspace("net", { executionMode: "agent", pool: "prod" });
  workspace = (await createWorkspace(control, as("owner"), wanted)).workspace;
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

const kept = (agent: FakeAgent): FakeAgent => {
  agents.push(agent);
  return agent;
};

async function connect(): Promise<FakeAgent> {
  return kept(await FakeAgent.connect(fixture.control, token));
}

/** A job of a fresh run. */
async function queued(phase: Job["phase"]): Promise<Job> {
  const run = runRow(workspace, { status: phase === "plan" ? "plan_queued" : "apply_queued" });
  const job = jobRow(run, { phase, poolId: workspace.poolId });
  const { id, organizationId } = { id: run.configurationId, organizationId: workspace.organizationId };
  const content = { blobKey: "00", bytes: 1, sha256: "00", fileCount: 1 };
  const by = { createdBy: "ana", createdAt: fixture.clock.now() };
  await fixture.control.store.write(async (tx) => {
    await tx.configurations.insert({ id, organizationId, workspaceId: workspace.id, ...content, ...by });
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  return job;
}

async function offered(agent: FakeAgent, phase: Job["phase"] = "plan"): Promise<Job> {
  const job = await queued(phase);
  await dispatchOnce(fixture.control);
  await until("it is offered", async () => (await rowOf(job)).status === "offered");
  expect((await rowOf(job)).agentId).toBe(agent.registration.agent.id);
  return rowOf(job);
}

async function started(agent: FakeAgent, phase: Job["phase"] = "plan"): Promise<Job> {
  const job = await offered(agent, phase);
  expect(await agent.start(job)).toMatchObject({ granted: true });
  return rowOf(job);
}

async function rowOf({ id }: Pick<Job, "id">): Promise<Job> {
  const found = await fixture.control.store.read((q) => q.jobs.get(id));
  if (found === undefined) throw new Error("the job is there");
  return found;
}

const revoke = (stopsJobs = false) =>
  revokeAgentToken(fixture.control, fixture.as("owner"), { id: token.id, stopsJobs });
const admission = (agent: FakeAgent) => authenticate(fixture.control, agent.registration.sessionToken);

describe("an agent whose token was revoked", () => {
  test.each([
    ["plainly", false, DesiredState.RUN],
    ["to stop its jobs", true, DesiredState.CANCEL],
  ])("%s is let in again to finish a started job, and sent away when that is sealed", async (_how, stops, desired) => {
    const agent = await connect();
    const job = await started(agent);
    await revoke(stops);
    await agent.cut();
    expect(await admission(agent)).toMatchObject({ kind: "agent_session" });
    const back = kept(FakeAgent.again(fixture.control, agent, { held: [job] }));
    expect((await back.next("welcome")).jobs).toMatchObject([{ desired }]);
    expect(await back.log(job, 0, "late")).toMatchObject({ nextOffset: 4n });
    expect(await back.report(job, "late", { outcome: JobOutcome.CANCELED })).toMatchObject({ sealed: true });
    expect(await back.next("close")).toMatchObject({
      reason: CloseReason.REVOKED,
      detail: "the agent token was revoked",
    });
    await expect(admission(agent)).rejects.toMatchObject({ code: "token_revoked" });
  });

  test("gets no offers meanwhile", async () => {
    const said = introduction({ concurrency: 5 });
    const agent = kept(await FakeAgent.connect(fixture.control, token, { said }));
    const job = await started(agent);
    await revoke();
    await agent.cut();
    const back = kept(FakeAgent.again(fixture.control, agent, { held: [job] }));
    await back.next("welcome");
    await queued("plan");
    expect(await dispatchOnce(fixture.control)).toBe(0);
  });

  test("may not start what it was only offered: another agent gets it", async () => {
    const agent = await connect();
    const job = await offered(agent);
    await revoke();
    expect(await agent.start(job)).toMatchObject({ granted: false });
    expect(await agent.next("close")).toMatchObject({ reason: CloseReason.REVOKED });
    expect((await rowOf(job)).status).toBe("queued");
  });

  test("may still get the grant of a job that it has started, when the first one was lost", async () => {
    const agent = await connect();
    const job = await started(agent);
    await revoke();
    expect(await agent.start(job)).toMatchObject({ granted: true });
  });

  test("is let in as a new process of the same disk, because it cannot register", async () => {
    const agent = await connect();
    const job = await started(agent, "apply");
    await revoke();
    await agent.cut();
    const said = { ...agent.said, bootId: systemRandom.uuid() };
    const back = kept(FakeAgent.again(fixture.control, agent, { said, held: [job] }));
    await back.next("welcome");
    expect(await back.report(job, "", { outcome: JobOutcome.ERRORED })).toMatchObject({ sealed: true });
    await back.next("close");
  });

  test("is refused as another disk, or while its other process is alive", async () => {
    const agent = await connect();
    const job = await started(agent);
    await revoke();
    const clone = { ...agent.said, bootId: systemRandom.uuid() };
    const second = kept(FakeAgent.again(fixture.control, agent, { said: clone, held: [job] }));
    await until("it is refused", () => second.isOver);
    expect(second.failure).toMatchObject({ code: "already_connected" });
    await agent.cut();
    const stranger = { ...clone, incarnation: systemRandom.uuid() };
    const third = kept(FakeAgent.again(fixture.control, agent, { said: stranger, held: [job] }));
    await until("it is refused", () => third.isOver);
    expect(third.failure).toMatchObject({ code: "session_superseded" });
  });

  test("may bring what is left of an interrupted apply, and then goes", async () => {
    const agent = await connect();
    const job = await started(agent, "apply");
    await revoke();
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect((await rowOf(job)).status).toBe("interrupted");
    expect(await admission(agent)).toMatchObject({ kind: "agent_session" });
    const back = kept(FakeAgent.again(fixture.control, agent, { held: [job] }));
    expect((await back.next("welcome")).jobs).toMatchObject([{ desired: DesiredState.RUN }]);
    await back.log(job, 0, "evidence");
    expect(await back.report(job, "evidence")).toMatchObject({ sealed: true });
    expect(await back.next("close")).toMatchObject({ reason: CloseReason.REVOKED });
  });

  test("holds nothing of what it was thought to hold: it is sent away at once", async () => {
    const agent = await connect();
    const job = await started(agent, "apply");
    await revoke();
    await agent.cut();
    const back = kept(FakeAgent.again(fixture.control, agent));
    await back.next("welcome");
    expect(await back.next("close")).toMatchObject({ reason: CloseReason.REVOKED });
    expect((await rowOf(job)).status).toBe("started");
  });
});

test("an agent whose token has expired is let in again only to finish what it holds", async () => {
  const { control, as, clock } = fixture;
  const short = await createAgentToken(control, as("owner"), {
    pool: ref("prod"),
    description: "",
    expiresInMs: 60_000,
  });
  const who: Principal = { ...token, id: short.token.id };
  const agent = kept(await FakeAgent.connect(control, who));
  const job = await started(agent);
  await agent.cut();
  await clock.advance(61_000);
  expect(await admission(agent)).toMatchObject({ kind: "agent_session" });
  const back = kept(FakeAgent.again(control, agent, { held: [job] }));
  await back.next("welcome");
  await back.report(job, "", { outcome: JobOutcome.ERRORED });
  expect(await back.next("close")).toMatchObject({
    reason: CloseReason.REVOKED,
    detail: "the agent token has expired",
  });
  await expect(admission(agent)).rejects.toMatchObject({ code: "token_expired" });
});

test("a plan that its agent has given up is tried again at once; an apply is not", async () => {
  const { control } = fixture;
  const agent = await connect();
  const plan = await started(agent);
  await agent.cut();
  const back = kept(FakeAgent.again(control, agent));
  await back.next("welcome");
  expect(await rowOf(plan)).toMatchObject({ status: "queued", attempt: 1 });
  await back.cut();
});
