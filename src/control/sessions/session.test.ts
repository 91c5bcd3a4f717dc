import { describe, expect, test, vi } from "vitest";
import { introduction } from "../../../test/support/fake-agent.ts";
import { useSessionStage } from "../../../test/support/session-stage.ts";
import { until } from "../../../test/support/until.ts";
import { ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { DesiredState, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { systemRandom } from "../../lib/random.ts";
import { getAgent } from "../agents/agents.ts";
import { topics } from "../core/control.ts";
import { configurationOfJob, stateOfJob } from "../jobs/artifacts.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { getRun } from "../runs/runs.ts";
import { sweepOnce } from "../runs/sweeper.ts";
import { grantWorkspaces, revokeWorkspaces } from "../workspaces/grants.ts";

const stage = useSessionStage();
const { connect, newRun, jobOf, runOf, offered } = stage;

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

  test("rows that were asked for before an offer, and come after it, do not take the job away", async () => {
    const { control } = stage.fixture;
    const agent = await connect();
    const runId = await newRun();
    const [asked, come] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const read = control.store.read.bind(control.store);
    vi.spyOn(control.store, "read").mockImplementationOnce(async (work) => {
      const rows = await read(work);
      asked.resolve();
      await come.promise;
      return rows;
    });
    control.wake.notify(topics.agent(agent.registration.agent.id));
    await asked.promise;
    const job = await offered(agent, runId);
    come.resolve();
    expect(await agent.start(job)).toMatchObject({ granted: true });
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: JobStage.RUNNING }] } });
    expect((await agent.next("heartbeatReply")).jobs).toMatchObject([{ claim, desired: DesiredState.RUN }]);
    expect(agent.received.map((message) => message.case)).not.toContain("jobCommand");
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
    const { control, as } = stage.fixture;
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
    await dispatchOnce(stage.fixture.control);
    const job = await jobOf(runId);
    const [holder, other] = job.agentId === first.registration.agent.id ? [first, second] : [second, first];
    holder.send({
      case: "offerDecline",
      value: { claim: { jobId: job.id, epoch: BigInt(job.epoch) }, reason: "disk full" },
    });
    await until("the job is queued again", async () => (await jobOf(runId)).status === "queued");
    await dispatchOnce(stage.fixture.control);
    expect((await jobOf(runId)).agentId).toBe(other.registration.agent.id);
  });

  test("a job that its only agent declines again and again is offered less and less often; others are not kept from it", async () => {
    const agent = await connect();
    const runId = await newRun();
    const { control, clock } = stage.fixture;
    for (const pauseMs of [5_000, 15_000, 45_000]) {
      const job = await offered(agent, runId);
      const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
      agent.send({ case: "offerDecline", value: { claim, reason: "a download failed" } });
      await until("the job is queued again", async () => (await jobOf(runId)).status === "queued");
      await clock.advance(pauseMs - 1);
      agent.send({ case: "heartbeat", value: {} });
      await agent.next("heartbeatReply");
      expect(await dispatchOnce(control)).toBe(0);
      expect((await getRun(control, stage.fixture.as("reader"), runId)).waiting).toMatchObject({
        ...{ reason: "agents_declined", detail: expect.stringContaining("declined: a download failed") },
      });
      await clock.advance(1);
    }
    const job = await offered(agent, runId);
    expect(job).toMatchObject({ status: "offered", epoch: 4 });
  });

  test("an offer lasts as long as what the job needs arrives, and goes back to the queue when nothing more comes, or after hours", async () => {
    const { control, clock } = stage.fixture;
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
    const { control, clock } = stage.fixture;
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
    expect((await getRun(stage.fixture.control, stage.fixture.as("reader"), runId)).waiting).toMatchObject({
      ...{ reason: "agent_delivering", detail: `agent ${agent.registration.agent.name} ${delivering}` },
    });
  });

  test("what an agent does while it prepares a job stands in why the run waits, as text alone, until it says nothing more", async () => {
    const agent = await connect();
    const runId = await newRun();
    await dispatchOnce(stage.fixture.control);
    const job = await jobOf(runId);
    const detail = async () => (await getRun(stage.fixture.control, stage.fixture.as("reader"), runId)).waiting?.detail;
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
    const connected = () => stage.fixture.control.presence.get(id);
    agent.send({ case: "heartbeat", value: { freeDiskBytes: 31_457_280n, noRoom } });
    await until("the heartbeat is heard", () => connected()?.refusal === noRoom);
    const runId = await newRun();
    await stage.fixture.clock.advance(60_000);
    expect(await dispatchOnce(stage.fixture.control)).toBe(0);
    expect((await getRun(stage.fixture.control, stage.fixture.as("reader"), runId)).waiting).toMatchObject({
      ...{ reason: "agents_declined", detail: `agent ${agent.registration.agent.name} declined: ${noRoom}` },
    });
    const { connected: shown } = await getAgent(stage.fixture.control, stage.fixture.as("reader"), {
      organization: "",
      name: id,
    });
    expect(shown).toMatchObject({ freeDiskBytes: 31_457_280n, refusal: noRoom });
    agent.send({ case: "heartbeat", value: { freeDiskBytes: 1_073_741_824n } });
    await until("the next one is heard", () => connected()?.refusal === "");
    expect(await dispatchOnce(stage.fixture.control)).toBe(1);
  });
});
