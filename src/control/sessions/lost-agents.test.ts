import { describe, expect, test } from "vitest";
import { sha256 } from "../../../test/support/control.ts";
import { FakeAgent } from "../../../test/support/fake-agent.ts";
import { useSessionStage } from "../../../test/support/session-stage.ts";
import { until } from "../../../test/support/until.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { DesiredState, JobOutcome, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { variablesOfJob } from "../jobs/inputs.ts";
import { storeState } from "../jobs/states.ts";
import { cancelRun } from "../runs/decisions.ts";
import { getRun } from "../runs/runs.ts";
import { sweepOnce } from "../runs/sweeper.ts";

const stage = useSessionStage();
const { connect, keep, newRun, jobOf, runOf, offered, applying } = stage;

describe("a lost agent", () => {
  test("an apply is interrupted after its grace, never queued again, and keeps the workspace", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "a.b: Creating...\na.b: Creation complete after 0s\nc.d: Modifying... [id=i-1]\n");
    await agent.cut();
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(stage.fixture.control);
    expect(await jobOf(runId, "apply")).toMatchObject({ status: "interrupted" });
    expect(await runOf(runId)).toMatchObject({
      status: "errored",
      errorMessage: expect.stringContaining("lost during the apply"),
      resourcesInFlight: [{ address: "c.d", action: "update", idKey: "id", id: "i-1" }],
    });
    const workspace = await stage.fixture.control.store.read((q) =>
      q.workspaces.byName(stage.fixture.organization.id, "net"),
    );
    expect(workspace?.lock).toMatchObject({ kind: "run", runId });
  });

  test("late evidence is taken: log, state and result; then the workspace is free", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "one ");
    await agent.cut();
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(stage.fixture.control);
    const back = await connect({ said: agent.said, held: [job] });
    expect(await back.log(job, 4, "two")).toMatchObject({ nextOffset: 7n });
    const state = Buffer.from(JSON.stringify({ version: 4, serial: 3, lineage: "l", outputs: {}, resources: [] }));
    const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    const stored = await storeState(stage.fixture.control, who, {
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
    const workspace = await stage.fixture.control.store.read((q) =>
      q.workspaces.byName(stage.fixture.organization.id, "net"),
    );
    expect(workspace?.lock).toBeNull();
  });

  test("the variables of an interrupted apply are given out until its log is here: its agent must know what to hide", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "one ");
    await agent.cut();
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(stage.fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("interrupted");
    const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    expect(await variablesOfJob(stage.fixture.control, who)).toEqual({ variables: [], hidden: [] });
    const back = await connect({ said: agent.said, held: [job] });
    await back.report(job, "one ");
    await expect(variablesOfJob(stage.fixture.control, who)).rejects.toMatchObject({ code: "job_epoch_stale" });
  });

  test("an apply that its agent, back again, has never begun was not executed: it says so, and the workspace is free", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.cut();
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(stage.fixture.control);
    expect((await runOf(runId)).status).toBe("errored");
    const back = FakeAgent.again(stage.fixture.control, agent, { held: [{ ...job, stage: JobStage.PREPARING }] });
    keep(back);
    expect((await back.next("welcome")).jobs).toMatchObject([{ desired: DesiredState.CANCEL }]);
    const report = { outcome: JobOutcome.CANCELED, errorMessage: "canceled before terraform was started" };
    expect(await back.report(job, "", report)).toMatchObject({ sealed: true });
    expect((await runOf(runId)).errorMessage).toContain("canceled before terraform was started");
    const workspace = await stage.fixture.control.store.read((q) =>
      q.workspaces.byName(stage.fixture.organization.id, "net"),
    );
    expect(workspace?.lock).toBeNull();
  });

  test("an apply that was lost while its agent prepared it is canceled there when the agent asks to begin", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(stage.fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("interrupted");
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    const { incarnation } = agent.said;
    agent.send({ case: "startRequest", value: { claim, incarnation } });
    expect(await agent.next("jobCommand")).toMatchObject({ claim, desired: DesiredState.CANCEL });
    const result = { outcome: JobOutcome.CANCELED, errorMessage: "canceled before terraform was started" };
    expect(await agent.report(job, "", result)).toMatchObject({ sealed: true });
    const workspace = await stage.fixture.control.store.read((q) =>
      q.workspaces.byName(stage.fixture.organization.id, "net"),
    );
    expect(workspace?.lock).toBeNull();
  });

  test("a log that is still on its way is not closed by a sweep", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.log(job, 0, "one ");
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.applyMs + 1);
    await sweepOnce(stage.fixture.control);
    expect(await jobOf(runId, "apply")).toMatchObject({ status: "interrupted" });
    await stage.fixture.clock.advance(stage.fixture.control.timing.logGraceMs + 1);
    await sweepOnce(stage.fixture.control);
    expect(await agent.log(job, 4, "two ")).toMatchObject({ nextOffset: 8n, closed: false });
    // Another replica cannot know that the agent is here.
    await stage.fixture.control.logs.sealWithGap(`${job.id}/${job.epoch}`, undefined);
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
    await cancelRun(stage.fixture.control, stage.fixture.as("operator"), { id: runId, isForced: false, comment: "" });
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.planMs + 1);
    await sweepOnce(stage.fixture.control);
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
    await stage.fixture.control.store.step((tx) =>
      tx.jobs.extendAll(new Date(stage.fixture.clock.now().getTime() + 300_000)),
    );
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
    const { control, as } = stage.fixture;
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
    await stage.fixture.clock.advance(500_000);
    agent.send({
      case: "heartbeat",
      value: { jobs: [{ claim: { jobId: job.id, epoch: BigInt(job.epoch) }, stage: 3 }] },
    });
    await agent.next("heartbeatReply");
    await agent.liveness.flush(stage.fixture.control);
    await stage.fixture.clock.advance(200_000);
    await sweepOnce(stage.fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("started");
  });

  test("so does a hello: a link on which nothing larger passes, or not for long, loses no apply", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await stage.fixture.clock.advance(500_000);
    const again = await connect({ said: agent.said, held: [job] });
    await again.liveness.flush(stage.fixture.control);
    await stage.fixture.clock.advance(200_000);
    await sweepOnce(stage.fixture.control);
    expect((await jobOf(runId, "apply")).status).toBe("started");
  });
});
