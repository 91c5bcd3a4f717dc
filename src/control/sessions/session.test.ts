import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { until } from "../../../test/support/until.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run, RunOptions } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import { type SessionRequest, SessionRequestSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, JobOutcome, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { OutQueue } from "../../lib/async/queue.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId, type RunId } from "../../lib/words/ids.ts";
import { heardFrom } from "../../rpc/streams/session-hearing.ts";
import { drainAgent, getAgent, pauseAgent, resumeAgent } from "../agents/agents.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken, revokeAgentToken } from "../agents/tokens.ts";
import { configurationOfJob, stateOfJob } from "../jobs/artifacts.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { variablesOfJob } from "../jobs/inputs.ts";
import { jobSpecOf } from "../jobs/spec.ts";
import { storeState } from "../jobs/states.ts";
import { cancelRun } from "../runs/decisions.ts";
import { createRun, getRun } from "../runs/runs.ts";
import { sweepOnce } from "../runs/sweeper.ts";
import { grantWorkspaces, revokeWorkspaces } from "../workspaces/grants.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { Liveness } from "./liveness.ts";
import { registerAgent } from "./registration.ts";
import { serveSession } from "./stream.ts";

let fixture: TestControl;
let pool: AgentPool;
let token: Principal;
const agents: FakeAgent[] = [];

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as } = fixture;
  pool = (await createPool(control, as("owner"), newPool("prod", { isOrganizationScoped: false, grants: ["net"] })))
    .pool;
  const created = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 0 });
  token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
  await createWorkspace(control, as("owner"), newWorkspace("net", { executionMode: "agent", pool: "prod" }));
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

async function connect(options: Parameters<typeof FakeAgent.connect>[2] = {}): Promise<FakeAgent> {
  const agent = await FakeAgent.connect(fixture.control, token, options);
  agents.push(agent);
  return agent;
}

async function newRun(isAutoApply = false, change: Partial<RunOptions> = {}): Promise<RunId> {
  const { control, as } = fixture;
  const workspace = await control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
  if (workspace === undefined) throw new Error("the workspace is there");
  const configurationId = newId("cv", systemRandom);
  await control.store.write((tx) =>
    tx.configurations.insert({
      id: configurationId,
      organizationId: workspace.organizationId,
      workspaceId: workspace.id,
      blobKey: "00",
      bytes: 1,
      sha256: "00",
      ...plainConfiguration,
      fileCount: 1,
      createdBy: "ana",
      createdAt: fixture.clock.now(),
    }),
  );
  const options = {
    isPlanOnly: false,
    isAutoApply,
    isDestroy: false,
    skipsRefresh: false,
    isRefreshOnly: false,
    targets: [],
    replacements: [],
    variables: [],
    engineVersion: "",
    allowsEmptyApply: true,
    parallelism: 0,
    ...change,
  };
  const view = await createRun(control, as("operator"), {
    workspace: ref("net"),
    configurationId,
    options,
    message: "",
    requestId: "",
  });
  return view.run.id;
}

const jobOf = async (runId: RunId, phase: Job["phase"] = "plan"): Promise<Job> => {
  const job = (await fixture.control.store.read((q) => q.jobs.ofRun(runId))).find((row) => row.phase === phase);
  if (job === undefined) throw new Error(`the ${phase} job is there`);
  return job;
};

const runOf = async (runId: RunId): Promise<Run> => (await getRun(fixture.control, fixture.as("reader"), runId)).run;

/** Offers what is queued; answers the job as it is then. */
async function offered(agent: FakeAgent, runId: RunId, phase: Job["phase"] = "plan"): Promise<Job> {
  await dispatchOnce(fixture.control);
  await agent.next("offer");
  return jobOf(runId, phase);
}

const planSha256 = "a".repeat(64);

/** As if the agent had uploaded a plan. */
const storePlan = (runId: RunId): Promise<void> =>
  fixture.control.store.write(async (tx) => {
    const run = await tx.runs.get(runId);
    if (run !== undefined) await tx.runs.save({ ...run, planSha256, planBytes: 1, planBlobKey: "00" });
  });

/** Brings a run to its apply, started by the agent. */
async function applying(agent: FakeAgent): Promise<{ readonly runId: RunId; readonly job: Job }> {
  const runId = await newRun(true);
  const plan = await offered(agent, runId);
  await agent.start(plan);
  await storePlan(runId);
  await agent.report(plan, "", { hasChanges: true, planSha256 });
  const job = await offered(agent, runId, "apply");
  await agent.start(job);
  return { runId, job: await jobOf(runId, "apply") };
}

describe("offer, start, log, result", () => {
  test("a plan goes from the queue to its end, and its log is whole before the run moves on", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    expect(await agent.start(job)).toMatchObject({ granted: true });
    expect((await runOf(runId)).status).toBe("planning");
    expect(await agent.log(job, 0, "hello ")).toMatchObject({ nextOffset: 6n, rewind: false });
    expect(await agent.report(job, "hello world")).toMatchObject({ sealed: false, needLogFrom: 6n });
    expect((await runOf(runId)).status).toBe("planning");
    await agent.log(job, 6, "world");
    expect(await agent.report(job, "hello world", { hasChanges: false })).toMatchObject({ sealed: true });
    // allow-empty-apply without an uploaded plan is an error of the agent, and says so.
    expect((await runOf(runId)).errorMessage).toContain("uploaded none");
    expect(await agent.report(job, "hello world")).toMatchObject({ sealed: true });
  });

  test("the same start request gets the same answer; another journal gets a refusal", async () => {
    const agent = await connect();
    const job = await offered(agent, await newRun());
    expect(await agent.start(job)).toMatchObject({ granted: true });
    expect(await agent.start(job)).toMatchObject({ granted: true });
    expect(await agent.start(job, systemRandom.uuid())).toMatchObject({ granted: false });
    expect((await jobOf(job.runId)).attempt).toBe(1);
  });

  test("log bytes: a repeat changes nothing, a gap asks to rewind, an unknown claim is closed", async () => {
    const agent = await connect();
    const job = await offered(agent, await newRun());
    await agent.start(job);
    await agent.log(job, 0, "abc");
    expect(await agent.log(job, 0, "abc")).toMatchObject({ nextOffset: 3n, rewind: false });
    expect(await agent.log(job, 9, "x")).toMatchObject({ nextOffset: 3n, rewind: true });
    expect(await agent.log({ id: job.id, epoch: job.epoch + 1 }, 3, "x")).toMatchObject({ closed: true });
  });

  test("a pool that no longer grants the workspace gives nothing out and refuses the start, and the job waits and says why", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await revokeWorkspaces(control, as("owner"), { pool: ref("prod"), workspaces: ["net"] });
    const bearer: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    await expect(configurationOfJob(control, bearer).next()).rejects.toMatchObject({ code: "permission_denied" });
    await expect(stateOfJob(control, bearer).next()).rejects.toMatchObject({ code: "permission_denied" });
    expect(await agent.start(job)).toMatchObject({ granted: false });
    expect(await dispatchOnce(control)).toBe(0);
    expect((await getRun(control, as("reader"), runId)).waiting).toMatchObject({ reason: "pool_not_granted" });
    await grantWorkspaces(control, as("owner"), { pool: ref("prod"), workspaces: ["net"] });
    expect(await dispatchOnce(control)).toBe(1);
  });

  test("an agent that declines gets no other offer for a while; another one gets the job", async () => {
    const [first, second] = [await connect(), await connect({ said: introduction({ name: "vm-2" }) })];
    const runId = await newRun();
    await dispatchOnce(fixture.control);
    const job = await jobOf(runId);
    const [holder, other] = job.agentId === first.registration.agent.id ? [first, second] : [second, first];
    holder.send({
      case: "offerDecline",
      value: { claim: { jobId: job.id, epoch: BigInt(job.epoch) }, reason: "disk full" },
    });
    await until("the job is queued again", async () => (await jobOf(runId)).status === "queued");
    await dispatchOnce(fixture.control);
    expect((await jobOf(runId)).agentId).toBe(other.registration.agent.id);
  });

  test("a job that its only agent declines again and again is offered less and less often; others are not kept from it", async () => {
    const agent = await connect();
    const runId = await newRun();
    const { control, clock } = fixture;
    for (const pauseMs of [5_000, 15_000, 45_000]) {
      const job = await offered(agent, runId);
      const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
      agent.send({ case: "offerDecline", value: { claim, reason: "a download failed" } });
      await until("the job is queued again", async () => (await jobOf(runId)).status === "queued");
      await clock.advance(pauseMs - 1);
      agent.send({ case: "heartbeat", value: {} });
      await agent.next("heartbeatReply");
      expect(await dispatchOnce(control)).toBe(0);
      expect((await getRun(control, fixture.as("reader"), runId)).waiting).toMatchObject({
        ...{ reason: "agents_declined", detail: expect.stringContaining("declined: a download failed") },
      });
      await clock.advance(1);
    }
    const job = await offered(agent, runId);
    expect(job).toMatchObject({ status: "offered", epoch: 4 });
  });

  test("an offer lasts as long as what the job needs arrives, and goes back to the queue when nothing more comes, or after hours", async () => {
    const { control, clock } = fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    const beat = async (receivedBytes: bigint) => {
      agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: JobStage.PREPARING, receivedBytes }] } });
      await agent.next("heartbeatReply");
      await agent.liveness.flush(control);
      await clock.advance(30_000);
      await sweepOnce(control);
    };
    for (let bytes = 1n; bytes <= 10n; bytes += 1n) await beat(bytes);
    expect((await jobOf(runId)).status).toBe("offered");
    for (let count = 0; count < 2; count += 1) await beat(10n);
    expect((await jobOf(runId)).status).toBe("queued");
  });

  test("an offer is not renewed for ever, whatever arrives", async () => {
    const { control, clock } = fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    await control.store.step((tx) =>
      tx.jobs.renew([{ jobId: job.id, epoch: job.epoch, until: new Date(clock.now().getTime() + 6.1 * 3_600_000) }]),
    );
    await clock.advance(6 * 3_600_000);
    agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: JobStage.PREPARING, receivedBytes: 1n }] } });
    await agent.next("heartbeatReply");
    await agent.liveness.flush(control);
    await clock.advance(600_000);
    await sweepOnce(control);
    expect((await jobOf(runId)).status).toBe("queued");
  });

  test("what an agent delivers of a job stands in why the run waits", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    const delivering = "delivers the plan (3 of 20 MB, 0.1 MB/s)";
    agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: JobStage.RUNNING, delivering }] } });
    await agent.next("heartbeatReply");
    expect((await getRun(fixture.control, fixture.as("reader"), runId)).waiting).toMatchObject({
      ...{ reason: "agent_delivering", detail: `agent ${agent.registration.agent.name} ${delivering}` },
    });
  });

  test("what an agent does while it prepares a job stands in why the run waits, as text alone, until it says nothing more", async () => {
    const agent = await connect();
    const runId = await newRun();
    await dispatchOnce(fixture.control);
    const job = await jobOf(runId);
    const detail = async () => (await getRun(fixture.control, fixture.as("reader"), runId)).waiting?.detail;
    const said = `agent ${agent.registration.agent.name} prepares the job`;
    expect(await detail()).toBe(said);
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    for (const [preparing, shown] of [
      ["downloads tofu 1.12.6\u001b[31m\n from here", `${said}: it downloads tofu 1.12.6`],
      ["", said],
    ] as const) {
      agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: JobStage.PREPARING, preparing }] } });
      await until("the heartbeat is heard", async () => ((await detail()) ?? "").startsWith(shown));
      expect(await detail()).not.toMatch(/\p{Cc}/u);
    }
    expect(await detail()).toBe(said);
  });

  test("an agent without room on its disk gets nothing before a heartbeat says that there is; the run, the agent and watchers say why", async () => {
    const agent = await connect();
    const noRoom = "disk full: 30 MiB free, 512 MiB needed";
    const { id } = agent.registration.agent;
    const connected = () => fixture.control.presence.get(id);
    agent.send({ case: "heartbeat", value: { freeDiskBytes: 31_457_280n, noRoom } });
    await until("the heartbeat is heard", () => connected()?.refusal === noRoom);
    const runId = await newRun();
    await fixture.clock.advance(60_000);
    expect(await dispatchOnce(fixture.control)).toBe(0);
    expect((await getRun(fixture.control, fixture.as("reader"), runId)).waiting).toMatchObject({
      ...{ reason: "agents_declined", detail: `agent ${agent.registration.agent.name} declined: ${noRoom}` },
    });
    const { connected: shown } = await getAgent(fixture.control, fixture.as("reader"), { organization: "", name: id });
    expect(shown).toMatchObject({ freeDiskBytes: 31_457_280n, refusal: noRoom });
    agent.send({ case: "heartbeat", value: { freeDiskBytes: 1_073_741_824n } });
    await until("the next one is heard", () => connected()?.refusal === "");
    expect(await dispatchOnce(fixture.control)).toBe(1);
  });
});

describe("streams", () => {
  test("a newer stream of the same process takes over, and its jobs go on", async () => {
    const agent = await connect();
    const job = await offered(agent, await newRun());
    await agent.start(job);
    const again = await connect({ said: agent.said, held: [job] });
    expect(await agent.next("close")).toMatchObject({ reason: 1 });
    await until("the old stream ends", () => agent.isOver);
    expect(await again.log(job, 0, "abc")).toMatchObject({ nextOffset: 3n });
    expect(fixture.control.presence.get(agent.registration.agent.id)?.sessionEpoch).toBe(2);
  });

  test("a second process with the same disk is refused while the first one is alive, and let in when it is silent", async () => {
    const agent = await connect();
    const clone = introduction({ incarnation: agent.said.incarnation, address: "10.9.9.9" });
    await expect(connect({ said: clone })).rejects.toMatchObject({
      code: "already_connected",
      retryAfterMs: expect.any(Number),
    });
    const warned = async () =>
      (await fixture.control.store.read((q) => q.agents.get(agent.registration.agent.id)))?.warning;
    await until("operators are told", async () => (await warned())?.includes("10.9.9.9"));
    await fixture.clock.advance(16_000);
    const newcomer = await connect({ said: clone });
    expect(newcomer.registration.agent.id).toBe(agent.registration.agent.id);
  });

  test("an offer that never arrived goes back to the queue with the next hello", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.cut();
    await connect({ said: agent.said });
    expect(await jobOf(runId)).toMatchObject({ status: "queued", epoch: job.epoch });
  });

  test("a claim that is over is told so in the welcome, and cannot write", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.planMs + 1);
    await sweepOnce(fixture.control);
    const other = await connect({ said: introduction({ name: "vm-2" }) });
    const retried = await offered(other, runId);
    expect(retried).toMatchObject({ epoch: job.epoch + 1, agentName: "vm-2" });
    const late = await FakeAgent.connect(fixture.control, token, { said: agent.said, held: [job] });
    agents.push(late);
    expect(await late.start(job)).toMatchObject({ granted: false });
    expect(await late.log(job, 0, "late")).toMatchObject({ closed: true });
    expect(await other.start(retried)).toMatchObject({ granted: true });
  });

  test("a stream that is cut while it is welcomed leaves nobody behind", async () => {
    const { control } = fixture;
    const said = introduction();
    const { agent } = await registerAgent(control, token, said);
    const liveness = new Liveness();
    const incoming = new OutQueue<SessionRequest>({ maxItems: 10, maxBytes: 10_000 });
    const hello = { case: "hello", value: { incarnation: said.incarnation, bootId: said.bootId } } as const;
    incoming.push("control", create(SessionRequestSchema, { message: hello }), 1);
    const stream = { incoming: heardFrom(incoming), signal: new AbortController().signal, address: "" };
    const who: Principal = { kind: "agent_session", agentId: agent.id };
    const session = serveSession(control, liveness, { who, stream });
    expect((await session.next()).value?.message.case).toBe("welcome");
    await session.return(undefined);
    await liveness.flush(control);
    expect((await control.store.read((q) => q.agents.get(agent.id)))?.connectedTo).toBe("");
  });

  test("a hello that is not the first message, or no hello, ends the stream", async () => {
    const agent = await connect();
    agent.send({ case: "hello", value: { incarnation: agent.said.incarnation, bootId: agent.said.bootId } });
    expect(await agent.next("close")).toMatchObject({ reason: 3 });
  });
});

describe("what is wanted", () => {
  test("a cancel reaches the agent at once, and every heartbeat repeats it", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    expect(await agent.next("jobCommand")).toMatchObject({ desired: DesiredState.CANCEL });
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: 3 }] } });
    expect((await agent.next("heartbeatReply")).jobs).toMatchObject([{ desired: DesiredState.CANCEL }]);
    expect((await runOf(runId)).status).toBe("planning");
    await agent.report(job, "", { outcome: JobOutcome.CANCELED });
    expect((await runOf(runId)).status).toBe("canceled");
  });

  test("force comes only after a graceful cancel that has had its time", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    const force = () => cancelRun(control, as("operator"), { id: runId, isForced: true, comment: "" });
    await expect(force()).rejects.toMatchObject({ code: "force_too_early" });
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    await expect(force()).rejects.toMatchObject({ code: "force_too_early" });
    await fixture.clock.advance(30_000);
    await force();
    await agent.next("jobCommand");
    await agent.report(job, "", { outcome: JobOutcome.CANCELED });
    expect((await runOf(runId)).status).toBe("force_canceled");
  });

  test("an apply that was ended by force keeps what was in flight, and runs are warned until one was applied", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    await fixture.clock.advance(120_000);
    await cancelRun(control, as("operator"), { id: runId, isForced: true, comment: "" });
    const inFlight = [{ address: "postgresql_role.r", action: "create", idKey: "", id: "" }];
    await agent.report(job, "", { outcome: JobOutcome.CANCELED, inFlight, resourcesInFlight: ["postgresql_role.r"] });
    expect(await runOf(runId)).toMatchObject({ status: "force_canceled", resourcesInFlight: inFlight });

    const warning = `the apply of ${runId} was ended by force while postgresql_role.r was being created: it may exist without being in the state`;
    const next = await applying(agent);
    expect((await runOf(next.runId)).warnings).toEqual([warning]);
    const noticesOf = async (job: Job) => (await control.store.read((q) => jobSpecOf(control, q, job))).notices;
    expect(await noticesOf(await jobOf(next.runId))).toEqual([warning]);
    expect(await noticesOf(next.job)).toEqual([]);
    await agent.report(next.job, "", {});
    expect((await runOf(next.runId)).status).toBe("applied");
    expect((await runOf((await applying(agent)).runId)).warnings).toEqual([]);
  });

  test("what a refresh-only run accepts is what its plan has shown", async () => {
    const agent = await connect();
    const runId = await newRun(true, { isRefreshOnly: true });
    const plan = await offered(agent, runId);
    await agent.start(plan);
    await storePlan(runId);
    await agent.report(plan, "", { hasChanges: true, planSha256, counts: { drift: 3 } });
    const job = await offered(agent, runId, "apply");
    await agent.start(job);
    await agent.report(job, "", {});
    expect(await runOf(runId)).toMatchObject({ status: "applied", appliedChanges: { add: 0, drift: 3 } });
    const page = { after: 0, limit: 100 };
    const told = await fixture.control.store.read((q) => q.runEvents.list(runId, page));
    expect(told.map(({ title }) => title)).toEqual(
      expect.arrayContaining([
        "planned: 3 changed outside of terraform; it is applied without being asked about",
        "applied: 3 changed outside of terraform, accepted",
      ]),
    );
  });

  test("what an older agent tells is addresses alone, and counts less", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.report(job, "", { outcome: JobOutcome.ERRORED, resourcesInFlight: ["a.b"], counts: { add: 1 } });
    expect(await runOf(runId)).toMatchObject({
      resourcesInFlight: [{ address: "a.b", action: "", idKey: "", id: "" }],
      appliedChanges: { add: 1, forget: 0, drift: 0 },
    });
  });

  test("an offer that is canceled before it starts ends at once", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    expect((await runOf(runId)).status).toBe("canceled");
    expect(await agent.next("jobCommand")).toMatchObject({ desired: DesiredState.GONE });
    expect(await agent.start(job)).toMatchObject({ granted: false });
  });

  test("a paused agent gets nothing until it is resumed; a draining one is told", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const { id } = agent.registration.agent;
    await pauseAgent(control, as("operator"), ref(id));
    await until("the pause arrives", () => control.presence.get(id)?.takesJobs === false);
    await newRun();
    expect(await dispatchOnce(control)).toBe(0);
    await resumeAgent(control, as("operator"), ref(id));
    await until("the resume arrives", () => control.presence.get(id)?.takesJobs === true);
    expect(await dispatchOnce(control)).toBe(1);
    await drainAgent(control, as("operator"), ref(id));
    await agent.next("drain");
  });

  test("revoking the token closes idle agents at once; busy ones report first and get nothing new", async () => {
    const { control, as } = fixture;
    const [busy, idle] = [await connect(), await connect({ said: introduction({ name: "vm-2" }) })];
    const runId = await newRun();
    await dispatchOnce(control);
    const job = await jobOf(runId);
    const [holder, other] = job.agentId === busy.registration.agent.id ? [busy, idle] : [idle, busy];
    await holder.start(job);
    if (token.kind !== "agent_token") throw new Error("a token");
    await revokeAgentToken(control, as("owner"), { id: token.id, stopsJobs: false });
    expect(await other.next("close")).toMatchObject({ reason: 2 });
    await holder.report(job, "", { outcome: JobOutcome.ERRORED, errorMessage: "no" });
    expect((await runOf(runId)).status).toBe("errored");
    expect(await holder.next("close")).toMatchObject({ reason: 2 });
  });
});

describe("a lost agent", () => {
  test("an apply is interrupted after its grace, never queued again, and keeps the workspace", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "a.b: Creating...\na.b: Creation complete after 0s\nc.d: Modifying... [id=i-1]\n");
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect(await jobOf(runId, "apply")).toMatchObject({ status: "interrupted" });
    expect(await runOf(runId)).toMatchObject({
      status: "errored",
      errorMessage: expect.stringContaining("lost during the apply"),
      resourcesInFlight: [{ address: "c.d", action: "update", idKey: "id", id: "i-1" }],
    });
    const workspace = await fixture.control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
    expect(workspace?.lock).toMatchObject({ kind: "run", runId });
  });

  test("late evidence is taken: log, state and result; then the workspace is free", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "one ");
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    const back = await connect({ said: agent.said, held: [job] });
    expect(await back.log(job, 4, "two")).toMatchObject({ nextOffset: 7n });
    const state = Buffer.from(JSON.stringify({ version: 4, serial: 3, lineage: "l", outputs: {}, resources: [] }));
    const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    const stored = await storeState(fixture.control, who, {
      bytes: state,
      lineage: "l",
      serial: 3,
      sha256: sha256(state),
    });
    expect(stored.status).toBe("current");
    expect(await back.report(job, "one two", { stateSerial: 3n })).toMatchObject({ sealed: true });
    expect(await runOf(runId)).toMatchObject({ status: "errored", errorMessage: expect.stringContaining("Recovered") });
    const lateEvidence = { outcome: "finished", exitCode: 0, message: "", state: { serial: 3, isAside: false } };
    expect(await jobOf(runId, "apply")).toMatchObject({ status: "interrupted", lateEvidence });
    const workspace = await fixture.control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
    expect(workspace?.lock).toBeNull();
  });

  test("the variables of an interrupted apply are given out until its log is here: its agent must know what to hide", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "one ");
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("interrupted");
    const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    expect(await variablesOfJob(fixture.control, who)).toEqual({ variables: [], hidden: [] });
    const back = await connect({ said: agent.said, held: [job] });
    await back.report(job, "one ");
    await expect(variablesOfJob(fixture.control, who)).rejects.toMatchObject({ code: "job_epoch_stale" });
  });

  test("an apply that its agent, back again, has never begun was not executed: it says so, and the workspace is free", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.cut();
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect((await runOf(runId)).status).toBe("errored");
    const back = FakeAgent.again(fixture.control, agent, { held: [{ ...job, stage: JobStage.PREPARING }] });
    agents.push(back);
    expect((await back.next("welcome")).jobs).toMatchObject([{ desired: DesiredState.CANCEL }]);
    const report = { outcome: JobOutcome.CANCELED, errorMessage: "canceled before terraform was started" };
    expect(await back.report(job, "", report)).toMatchObject({ sealed: true });
    expect((await runOf(runId)).errorMessage).toContain("canceled before terraform was started");
    const workspace = await fixture.control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
    expect(workspace?.lock).toBeNull();
  });

  test("an apply that was lost while its agent prepared it is canceled there when the agent asks to begin", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("interrupted");
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    const { incarnation } = agent.said;
    agent.send({ case: "startRequest", value: { claim, incarnation } });
    expect(await agent.next("jobCommand")).toMatchObject({ claim, desired: DesiredState.CANCEL });
    const result = { outcome: JobOutcome.CANCELED, errorMessage: "canceled before terraform was started" };
    expect(await agent.report(job, "", result)).toMatchObject({ sealed: true });
    const workspace = await fixture.control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
    expect(workspace?.lock).toBeNull();
  });

  test("a log that is still on its way is not closed by a sweep", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "one ");
    await fixture.clock.advance(fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(fixture.control);
    expect(await jobOf(runId, "apply")).toMatchObject({ status: "interrupted" });
    await fixture.clock.advance(fixture.control.timing.logGraceMs + 1);
    await sweepOnce(fixture.control);
    expect(await agent.log(job, 4, "two ")).toMatchObject({ nextOffset: 8n, closed: false });
    // Another replica cannot know that the agent is here.
    await fixture.control.logs.sealWithGap(`${job.id}/${job.epoch}`, undefined);
    expect(await agent.log(job, 8, "three")).toMatchObject({ nextOffset: 13n, closed: false });
    expect(await agent.report(job, "one two three")).toMatchObject({ sealed: true });
    expect(await jobOf(runId, "apply")).toMatchObject({ isLogClosed: true, logBytes: 13 });
  });

  test("the log of a plan that was canceled meanwhile is complete once its agent has brought it", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    await agent.log(job, 0, "one ");
    await agent.cut();
    await cancelRun(fixture.control, fixture.as("operator"), { id: runId, isForced: false, comment: "" });
    await fixture.clock.advance(fixture.control.timing.leases.planMs + 1);
    await sweepOnce(fixture.control);
    expect(await jobOf(runId)).toMatchObject({ status: "canceled", isLogClosed: false });
    const back = await connect({ said: agent.said, held: [job] });
    await back.log(job, 4, "two");
    expect(await back.report(job, "one two")).toMatchObject({ sealed: true });
    expect(await jobOf(runId)).toMatchObject({ status: "canceled", isLogClosed: true, logBytes: 7 });
    expect((await runOf(runId)).status).toBe("canceled");
  });

  test("a plan that its agent names no more is tried again at once, whatever its lease says", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    await fixture.control.store.step((tx) => tx.jobs.extendAll(new Date(fixture.clock.now().getTime() + 300_000)));
    agent.send({ case: "heartbeat", value: { jobs: [] } });
    await agent.next("heartbeatReply");
    expect(await jobOf(runId)).toMatchObject({ status: "queued", epoch: 1 });
    expect(await offered(agent, runId)).toMatchObject({ status: "offered", epoch: 2 });
  });

  test("an apply that its agent names no more keeps its lease: it may still run", async () => {
    const agent = await connect();
    const { runId } = await applying(agent);
    agent.send({ case: "heartbeat", value: { jobs: [] } });
    await agent.next("heartbeatReply");
    expect((await jobOf(runId, "apply")).status).toBe("started");
  });

  test("an apply is as far as its agent said last, and not known once the agent is gone", async () => {
    const { control, as } = fixture;
    const agent = await connect();
    const { runId, job } = await applying(agent);
    const done = async () => (await getRun(control, as("reader"), runId)).resourcesDone;
    expect(await done()).toBe(0);
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: 3, resourcesDone: 12 }] } });
    await agent.next("heartbeatReply");
    expect(await done()).toBe(12);
    await agent[Symbol.asyncDispose]();
    await until("the stream has ended", async () => (await done()) === 0);
  });

  test("heartbeats renew the lease of a started job", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await fixture.clock.advance(500_000);
    agent.send({
      case: "heartbeat",
      value: { jobs: [{ claim: { jobId: job.id, epoch: BigInt(job.epoch) }, stage: 3 }] },
    });
    await agent.next("heartbeatReply");
    await agent.liveness.flush(fixture.control);
    await fixture.clock.advance(200_000);
    await sweepOnce(fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("started");
  });

  test("so does a hello: a link on which nothing larger passes, or not for long, loses no apply", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await fixture.clock.advance(500_000);
    const again = await connect({ said: agent.said, held: [job] });
    await again.liveness.flush(fixture.control);
    await fixture.clock.advance(200_000);
    await sweepOnce(fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("started");
  });
});
