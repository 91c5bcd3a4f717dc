import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { until } from "../../../test/support/until.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { CloseReason } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import { systemRandom } from "../../lib/random.ts";
import { createPool } from "../agents/pools.ts";
import { rotateAgentToken } from "../agents/token-rotation.ts";
import { createAgentToken, revokeAgentToken } from "../agents/tokens.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { storeState } from "../jobs/states.ts";
import { authenticate } from "../people/authentication.ts";
import { resolveRun } from "../runs/resolution.ts";
import { getRun } from "../runs/runs.ts";
import { sweepOnce } from "../runs/sweeper.ts";
import { createWorkspace, updateWorkspace } from "../workspaces/workspaces.ts";

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
  const content = { ...plainConfiguration, blobKey: "00", bytes: 1, sha256: "00", fileCount: 1 };
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
    const { id } = agent.registration.agent;
    expect(await fixture.control.store.read((q) => q.agents.get(id))).toMatchObject({ status: "exited" });
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

  test.each([
    ["plainly", false, DesiredState.RUN],
    ["to stop its jobs", true, DesiredState.CANCEL],
  ])("%s may bring what is left of an interrupted apply, and then goes", async (_how, stops, desired) => {
    const agent = await connect();
    const job = await started(agent, "apply");
    await revoke(stops);
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect((await rowOf(job)).status).toBe("interrupted");
    expect(await admission(agent)).toMatchObject({ kind: "agent_session" });
    const back = kept(FakeAgent.again(fixture.control, agent, { held: [job] }));
    expect((await back.next("welcome")).jobs).toMatchObject([{ desired }]);
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

describe("an agent whose token was revoked for a suspected theft", () => {
  test("is told to stop an apply that counts as lost although it is still at it", async () => {
    const agent = await connect();
    const job = await started(agent, "apply");
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect((await rowOf(job)).status).toBe("interrupted");
    await revoke(true);
    expect(await agent.next("jobCommand")).toMatchObject({ desired: DesiredState.CANCEL });
    expect(await agent.report(job, "", { outcome: JobOutcome.CANCELED })).toMatchObject({ sealed: true });
    expect(await agent.next("close")).toMatchObject({ reason: CloseReason.REVOKED });
  });

  const upload = (job: Job, serial: number) => {
    const bytes = Buffer.from(JSON.stringify({ version: 4, serial, lineage: "l", outputs: {}, resources: [] }));
    const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    return storeState(fixture.control, who, { bytes, lineage: "l", serial, sha256: sha256(bytes) });
  };
  const workspaceNow = () => fixture.control.store.read((q) => q.workspaces.get(workspace.id));

  /** An apply that holds the workspace and has stored its first state. */
  async function applying(agent: FakeAgent): Promise<Job> {
    const job = await started(agent, "apply");
    await fixture.control.store.write(async (tx) => {
      const row = await tx.workspaces.get(workspace.id);
      if (row === undefined) throw new Error("the workspace is there");
      await tx.workspaces.save({ ...row, lock: { kind: "run", runId: job.runId, at: fixture.clock.now() } });
    });
    expect(await upload(job, 1)).toMatchObject({ status: "current" });
    return job;
  }

  test("brings states that nobody trusts: they are kept aside, and the workspace is held until somebody decides", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const job = await applying(agent);
    await revoke(true);
    expect(await upload(job, 2)).toMatchObject({
      status: "quarantined",
      quarantineReason: expect.stringContaining(`${token.id} of its agent was revoked for a suspected theft`),
    });
    expect((await workspaceNow())?.currentStateId).toBe((await upload(job, 1)).id);
    await agent.report(job, "", { outcome: JobOutcome.CANCELED, stateSerial: 2n });
    const run = await control.store.read((q) => q.runs.get(job.runId));
    expect(run).toMatchObject({ status: "canceled", errorMessage: expect.stringContaining("windlass run resolve") });
    expect((await workspaceNow())?.lock).toMatchObject({ runId: job.runId });
    await resolveRun(control, as("operator"), { id: job.runId, resolution: "accept_snapshot", comment: "checked" });
    const after = await workspaceNow();
    expect(after?.lock).toBeNull();
    const current = await control.store.read((q) => q.states.get(after?.currentStateId ?? "sv_none"));
    expect(current).toMatchObject({ serial: 2, status: "current" });
  });

  test("is not believed either after it has registered with another token", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const job = await applying(agent);
    await revoke(true);
    await agent.cut();
    const other = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 0 });
    const said = introduction({ incarnation: agent.said.incarnation });
    const again = { ...token, id: other.token.id };
    const back = kept(await FakeAgent.connect(control, again, { said, held: [job] }));
    expect(back.registration.agent.id).toBe(agent.registration.agent.id);
    expect(await upload(job, 2)).toMatchObject({ status: "quarantined" });
  });

  test("and a plain revocation leaves them trusted", async () => {
    const job = await applying(await connect());
    await revoke(false);
    expect(await upload(job, 2)).toMatchObject({ status: "current" });
  });
});

describe("an agent whose token has ended", () => {
  test("is connected to this server until then, gets no job any more and is sent away", async () => {
    const { control, as, clock } = fixture;
    const agent = await connect();
    const agentNow = () => control.store.read((q) => q.agents.get(agent.registration.agent.id));
    expect((await agentNow())?.connectedTo).toBe("this-server");
    await rotateAgentToken(control, as("owner"), { id: token.id, overlapMs: 60_000, expiresInMs: null });
    agent.send({ case: "heartbeat", value: {} });
    await agent.next("heartbeatReply");
    expect(agent.isOver).toBe(false);
    await clock.advance(60_000);
    agent.send({ case: "heartbeat", value: {} });
    expect(await agent.next("close")).toMatchObject({
      reason: CloseReason.REVOKED,
      detail: "the agent token has expired",
    });
    await until("the stream has ended", () => agent.isOver);
    await agent.liveness.flush(control);
    expect((await agentNow())?.connectedTo).toBe("");
  });
});

test("a job goes only to an agent whose labels its workspace selects", async () => {
  const { control, as } = fixture;
  const changes = { agentSelector: "zone=a,os=linux" };
  const update = { reference: ref("net"), changes, etag: "" };
  workspace = (await updateWorkspace(control, as("owner"), update)).workspace;
  const west = introduction({ name: "vm-west", labels: { zone: "b" } });
  kept(await FakeAgent.connect(control, token, { said: west }));
  const job = await queued("plan");
  expect(await dispatchOnce(control)).toBe(0);
  expect((await getRun(control, as("reader"), job.runId)).waiting).toMatchObject({
    reason: "no_matching_agent",
    detail: expect.stringContaining("vm-west (arch=x64, os=linux, zone=b)"),
  });
  const east = introduction({ name: "vm-east", labels: { zone: "a", os: "plan9" } });
  const agent = kept(await FakeAgent.connect(control, token, { said: east }));
  expect(await dispatchOnce(control)).toBe(1);
  expect((await rowOf(job)).agentId).toBe(agent.registration.agent.id);
});

test("jobs that nobody here may take, however many, hold no other job back", async () => {
  const { control, as } = fixture;
  const update = { reference: ref("net"), changes: { agentSelector: "gpu" }, etag: "" };
  const choosy = (await updateWorkspace(control, as("owner"), update)).workspace;
  const run = runRow(choosy, { status: "plan_queued" });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    for (let n = 0; n < 501; n += 1) await tx.jobs.insert(jobRow(run, { poolId: choosy.poolId }));
  });
  const wanted = newWorkspace("plain", { executionMode: "agent", pool: "prod" });
  workspace = (await createWorkspace(control, as("owner"), wanted)).workspace;
  const agent = await connect();
  const job = await queued("plan");
  await control.store.write((tx) => tx.jobs.save({ ...job, queuedAt: new Date("2100-01-01") }));
  expect(await dispatchOnce(control)).toBe(1);
  expect((await rowOf(job)).agentId).toBe(agent.registration.agent.id);
});
