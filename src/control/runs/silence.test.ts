import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent } from "../../../test/support/fake-agent.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import { DesiredState, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { memoryLog } from "../../lib/program/log.ts";
import { newId } from "../../lib/words/ids.ts";
import { getAgent } from "../agents/agents.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { Liveness } from "../sessions/liveness.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { cancelRun } from "./decisions.ts";
import { getRun } from "./runs.ts";
import { sweepOnce } from "./sweeper.ts";

let fixture: TestControl;
let liveness: Liveness;
let agent: FakeAgent;
let run: Run;
let job: Job;

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as, clock } = fixture;
  const { pool } = await createPool(control, as("owner"), newPool("prod"));
  const { token } = await createAgentToken(control, as("owner"), {
    pool: ref("prod"),
    description: "",
    expiresInMs: 0,
  });
  const who: Principal = { kind: "agent_token", id: token.id, poolId: pool.id, organizationId: pool.organizationId };
  const wanted = newWorkspace("net", { executionMode: "agent", pool: "prod" });
  const { workspace } = await createWorkspace(control, as("owner"), wanted);
  const configurationId = newId("cv", control.random);
  run = runRow(workspace, { configurationId, status: "plan_queued" });
  await control.store.write(async (tx) => {
    const { organizationId, id: workspaceId } = workspace;
    const facts = {
      blobKey: "00",
      bytes: 1,
      sha256: "00",
      ...plainConfiguration,
      fileCount: 1,
      createdBy: "ana",
      createdAt: clock.now(),
    };
    await tx.configurations.insert({ id: configurationId, organizationId, workspaceId, ...facts });
    await tx.runs.insert(run);
    await tx.jobs.insert(jobRow(run, { poolId: pool.id, status: "queued" }));
  });
  liveness = new Liveness();
  agent = await FakeAgent.connect(control, who, { liveness });
  await dispatchOnce(control);
  await agent.next("offer");
  job = await control.store.read(async (q) => {
    const [found] = await q.jobs.ofRun(run.id);
    if (found === undefined) throw new Error("the job is there");
    return found;
  });
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

const start = () => agent.start(job);

async function beat(desired: DesiredState = DesiredState.UNSPECIFIED): Promise<void> {
  const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
  agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: JobStage.RUNNING, desired }] } });
  await agent.next("heartbeatReply");
}

/** Lets time pass, and the row of the agent be written and swept. */
async function pass(ms: number): Promise<void> {
  await fixture.clock.advance(ms);
  await liveness.flush(fixture.control);
  await sweepOnce(fixture.control);
}

async function seen() {
  const { agent: row } = await getAgent(fixture.control, fixture.as("reader"), ref(agent.said.name));
  return { status: row.status, silentMs: fixture.clock.now().getTime() - row.lastSeenAt.getTime() };
}

const waiting = async () => (await getRun(fixture.control, fixture.as("reader"), run.id)).waiting;
const detail = async () => (await waiting())?.detail.replaceAll(/\d{4}-\S+Z/g, "T");
const cancel = () => cancelRun(fixture.control, fixture.as("operator"), { id: run.id, isForced: false, comment: "" });

describe("an agent was last seen when its last message came", () => {
  test("whatever closes its stream, and when", async () => {
    await start();
    await beat();
    await pass(30_000);
    expect(await seen()).toEqual({ status: "busy", silentMs: 30_000 });
    await agent.cut();
    await pass(10_000);
    expect(await seen()).toEqual({ status: "busy", silentMs: 40_000 });
    await pass(5_001);
    expect(await seen()).toEqual({ status: "unknown", silentMs: 45_001 });
    await pass(255_000);
    expect(await seen()).toEqual({ status: "errored", silentMs: 300_001 });
  });

  test("and the log says by its name who is silent", async () => {
    const { log, records } = memoryLog();
    await start();
    await beat();
    await fixture.clock.advance(45_001);
    await liveness.flush(fixture.control);
    await sweepOnce({ ...fixture.control, log });
    const told = { msg: "an agent is silent", name: agent.said.name, status: "unknown", silentMs: 45_001 };
    expect(records).toContainEqual(expect.objectContaining(told));
  });

  test("also while its stream is open: it is unknown, stays so when that ends, and is back with its next message", async () => {
    await start();
    await beat();
    await pass(45_001);
    expect(await seen()).toEqual({ status: "unknown", silentMs: 45_001 });
    await agent.cut();
    await pass(5_000);
    expect(await seen()).toEqual({ status: "unknown", silentMs: 50_001 });
    agent = FakeAgent.again(fixture.control, agent, { held: [job] });
    await agent.next("welcome");
    await pass(3_000);
    expect(await seen()).toEqual({ status: "busy", silentMs: 3_000 });
  });

  test("an older stream of it, however late it ends, does not make it older", async () => {
    await start();
    await beat();
    await pass(30_000);
    const older = agent;
    agent = FakeAgent.again(fixture.control, older, { held: [job] });
    await agent.next("welcome");
    await older.cut();
    await pass(3_000);
    const row = await fixture.control.store.read((q) => q.agents.get(agent.registration.agent.id));
    expect(fixture.clock.now().getTime() - (row?.lastSeenAt.getTime() ?? 0)).toBe(3_000);
    expect(await seen()).toEqual({ status: "busy", silentMs: 3_000 });
  });

  test("and any message counts: one that is refused, bytes of a log", async () => {
    await start();
    await pass(30_000);
    await agent.log(job, 0, "a");
    expect(await seen()).toMatchObject({ silentMs: 0 });
    await pass(20_000);
    agent.send({ case: "logChunk", value: {} });
    await agent.next("refused");
    expect(await seen()).toEqual({ status: "busy", silentMs: 0 });
  });

  test("one that is unknown gets no offers until it is heard", async () => {
    await pass(50_000);
    expect(fixture.control.presence.get(agent.registration.agent.id)?.takesJobs).toBe(false);
    agent.send({ case: "heartbeat", value: {} });
    await agent.next("heartbeatReply");
    expect(fixture.control.presence.get(agent.registration.agent.id)?.takesJobs).toBe(true);
  });
});

describe("a run says", () => {
  test("since when its agent is silent, connected or not, and until when its job is assumed to run", async () => {
    await start();
    await beat();
    await pass(19_000);
    expect(await waiting()).toBeNull();
    await pass(1_000);
    expect(await waiting()).toMatchObject({ reason: "agent_unreachable" });
    const before = (await waiting())?.detail;
    expect(before).toMatch(/^agent \S+ has been silent since \S+Z; the job is assumed to run until \S+Z$/);
    await agent.cut();
    await pass(3_000);
    expect((await waiting())?.detail).toBe(before);
  });

  test("that an offer has reached nobody, as far as is known", async () => {
    await pass(20_000);
    expect(await detail()).toMatch(
      / has been silent since T; the job, which it was offered, goes back to the queue at T$/,
    );
  });

  test("that its agent is being asked to stop terraform, and that it was once the agent has said so", async () => {
    await start();
    await cancel();
    await agent.next("jobCommand");
    expect(await detail()).toMatch(/^agent \S+ is being asked to stop the program$/);
    await beat(DesiredState.RUN);
    expect(await detail()).toMatch(/is being asked/);
    await beat(DesiredState.CANCEL);
    expect(await waiting()).toMatchObject({ reason: "terraform_stopping" });
    expect(await detail()).toMatch(/^agent \S+ was asked to stop the program$/);
  });

  test("that it is asked as soon as it is back, where the wish cannot have arrived", async () => {
    await start();
    await beat();
    await agent.cut();
    await cancel();
    expect(await waiting()).toMatchObject({ reason: "agent_unreachable" });
    expect(await detail()).toMatch(
      /^agent \S+ is not connected: it is asked to stop the program as soon as it is back$/,
    );
    await pass(30_000);
    expect(await detail()).toMatch(
      / has been silent since T; the job is assumed to run until T; it is asked to stop the program as soon as it is back$/,
    );
    agent = FakeAgent.again(fixture.control, agent, { held: [job] });
    expect((await agent.next("welcome")).jobs).toMatchObject([{ desired: DesiredState.CANCEL }]);
    expect(await detail()).toMatch(/is being asked/);
    await beat(DesiredState.CANCEL);
    expect(await detail()).toMatch(/was asked/);
  });

  test("the same of an end by force", async () => {
    await start();
    await cancel();
    await beat(DesiredState.CANCEL);
    await pass(25_000);
    await beat(DesiredState.CANCEL);
    await pass(10_000);
    await cancelRun(fixture.control, fixture.as("operator"), { id: run.id, isForced: true, comment: "" });
    expect(await detail()).toMatch(/ is being asked to end the program by force$/);
    await beat(DesiredState.FORCE);
    expect(await detail()).toMatch(/ was asked to end the program by force$/);
  });
});
