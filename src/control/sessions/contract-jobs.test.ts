import { describe, expect, test } from "vitest";
import { claimOf, useContractStage } from "../../../test/support/contract-stage.ts";
import { sha256 } from "../../../test/support/control.ts";
import { FakeAgent } from "../../../test/support/fake-agent.ts";
import { until } from "../../../test/support/until.ts";
import { RefusalReason, SessionMessage } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, JobOutcome, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { followLog } from "../runs/logs.ts";
import { sweepOnce } from "../runs/sweeper.ts";

const stage = useContractStage();
const { connect, keep, offered, jobOf, runOf, started } = stage;

describe("result.before_grant: a result that comes before the grant", () => {
  test("FINISHED is refused by name, nothing is lost, and the start that follows is granted", async () => {
    const agent = await connect();
    const job = await offered(agent);
    await agent.log(job, 0, "hi");
    const report = { logBytes: 2n, logSha256: sha256("hi") };
    agent.send({ case: "jobResult", value: { claim: claimOf(job), outcome: JobOutcome.FINISHED, ...report } });
    expect(await agent.next("refused")).toMatchObject({
      claim: claimOf(job),
      message: SessionMessage.JOB_RESULT,
      reason: RefusalReason.NOT_GRANTED,
      rule: "result.before_grant",
    });
    expect(await jobOf(job.id)).toMatchObject({ status: "offered", isLogClosed: false });
    expect(await agent.start(job)).toMatchObject({ granted: true });
    expect(await agent.report(job, "hi")).toMatchObject({ sealed: true });
    expect((await jobOf(job.id)).status).toBe("finished");
  });

  test("a hello that follows says RUN, and the same claim may start", async () => {
    const agent = await connect();
    const job = await offered(agent);
    agent.send({
      case: "jobResult",
      value: { claim: claimOf(job), outcome: JobOutcome.FINISHED, logSha256: sha256("") },
    });
    await agent.next("refused");
    await agent.cut();
    const again = FakeAgent.again(stage.fixture.control, agent, { held: [{ ...job, stage: JobStage.PREPARED }] });
    keep(again);
    expect(await again.next("welcome")).toMatchObject({ jobs: [{ desired: DesiredState.RUN, sealed: false }] });
    expect(await again.start(job)).toMatchObject({ granted: true });
  });

  test("prepare.failed: ERRORED ends a plan with its text and its log", async () => {
    const agent = await connect();
    const job = await offered(agent);
    await agent.log(job, 0, "bad archive\n");
    const told = { outcome: JobOutcome.ERRORED, errorMessage: "the archive is damaged" };
    expect(await agent.report(job, "bad archive\n", told)).toMatchObject({ sealed: true });
    expect(await runOf(job)).toMatchObject({ status: "errored", errorMessage: "the archive is damaged" });
    const { control, as } = stage.fixture;
    const request = {
      runId: job.runId,
      phase: "plan",
      offset: 0,
      follows: true,
      signal: new AbortController().signal,
    } as const;
    const pieces = await Array.fromAsync(followLog(control, as("reader"), request));
    expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString()).toBe("bad archive\n");
    expect(pieces.at(-1)).toMatchObject({ isEnd: true, state: "complete", problem: "" });
  });

  test("prepare.failed: an apply that ends without a grant was not applied, and its plan can be applied again", async () => {
    const agent = await connect();
    const job = await offered(agent, "apply", "ana");
    await agent.report(job, "", { outcome: JobOutcome.ERRORED, errorMessage: "no room" });
    expect(await runOf(job)).toMatchObject({
      status: "planned",
      errorMessage: expect.stringContaining("nothing was changed"),
    });
  });

  test("prepare.decline: the job goes back to the queue with another epoch", async () => {
    const agent = await connect();
    const job = await offered(agent);
    agent.send({ case: "offerDecline", value: { claim: claimOf(job), reason: "disk full" } });
    await until("the job waits again", async () => (await jobOf(job.id)).status === "queued");
    expect(await agent.start(job)).toMatchObject({ granted: false, reason: "the claim is over" });
  });
});

describe("start.repeat: the same request after a reconnect", () => {
  test("is granted again if the hello names the claim", async () => {
    const agent = await connect();
    const job = await started(agent);
    await agent.cut();
    const again = FakeAgent.again(stage.fixture.control, agent, { held: [{ ...job, stage: JobStage.PREPARED }] });
    keep(again);
    await again.next("welcome");
    expect(await again.start(job)).toMatchObject({ granted: true });
    expect((await jobOf(job.id)).attempt).toBe(1);
  });

  test("hello.jobs: is refused if the hello does not name it", async () => {
    const agent = await connect();
    const job = await offered(agent);
    await agent.cut();
    const again = FakeAgent.again(stage.fixture.control, agent);
    keep(again);
    await again.next("welcome");
    expect(await again.start(job)).toMatchObject({ granted: false });
  });
});

describe("log.truth: a log that is not what its agent reports is never complete", () => {
  const cases = [
    ["another hash", { logBytes: 5n, logSha256: sha256("other") }, "sha256", /do not have the SHA-256/, "mismatch"],
    [
      "less than is stored",
      { logBytes: 3n, logSha256: sha256("hel") },
      "length",
      /reported a log of 3 bytes, and 5/,
      "mismatch",
    ],
    [
      "more than it can send",
      { logBytes: 9n, logSha256: sha256("hello all"), logLost: true },
      "not_sent",
      /could not send the last 4 bytes/,
      "incomplete",
    ],
  ] as const;

  test.each(cases)("%s", async (_what, report, kind, text, state) => {
    const agent = await connect();
    const job = await started(agent);
    await agent.log(job, 0, "hello");
    agent.send({
      case: "jobResult",
      value: { claim: claimOf(job), outcome: JobOutcome.ERRORED, errorMessage: "e", ...report },
    });
    const ack = await agent.next("resultAck");
    expect(ack.sealed).toBe(true);
    expect(ack.logProblem).toMatch(text);
    expect(await jobOf(job.id)).toMatchObject({
      status: "errored",
      isLogClosed: true,
      logBytes: 5,
      logProblem: { kind },
    });
    const { control, as } = stage.fixture;
    const request = {
      runId: job.runId,
      phase: "plan",
      offset: 0,
      follows: true,
      signal: new AbortController().signal,
    } as const;
    const pieces = await Array.fromAsync(followLog(control, as("reader"), request));
    expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString()).toBe("hello");
    expect(pieces.at(-1)).toMatchObject({ isEnd: true, state, problem: expect.stringMatching(text) });
    const events = await control.store.read((q) => q.runEvents.list(job.runId, { after: -1, limit: 50 }));
    expect(events.map(({ title }) => title)).toContain("the log of the plan is not whole");
  });

  test("log.lost: bytes that are missing are asked for unless the agent gives them up", async () => {
    const agent = await connect();
    const job = await started(agent);
    await agent.log(job, 0, "hello");
    expect(await agent.report(job, "hello all")).toMatchObject({ sealed: false, needLogFrom: 5n });
    expect((await jobOf(job.id)).status).toBe("started");
  });

  test("the log of an agent that never comes back is closed as it is, and says so", async () => {
    const agent = await connect();
    const job = await started(agent);
    await agent.log(job, 0, "hello");
    const row = await jobOf(job.id);
    await stage.fixture.control.store.write(async (tx) => {
      const ended = {
        ...row,
        status: "errored" as const,
        endedAt: stage.fixture.clock.now(),
        leaseUntil: null,
      };
      await tx.jobs.save(ended);
    });
    await stage.fixture.clock.advance(stage.fixture.control.timing.logGraceMs + 1_000);
    await sweepOnce(stage.fixture.control);
    expect(await jobOf(job.id)).toMatchObject({ isLogClosed: true, logBytes: 5, logProblem: { kind: "agent_lost" } });
  });

  test("log.offset: the first bytes at an offset count, and the hash tells that others came", async () => {
    const agent = await connect();
    const job = await started(agent);
    await agent.log(job, 0, "first");
    expect(await agent.log(job, 0, "other")).toMatchObject({ nextOffset: 5n, rewind: false });
    expect((await agent.report(job, "other", { outcome: JobOutcome.ERRORED })).logProblem).toMatch(/SHA-256/);
  });

  test("log.early: bytes from before the grant stay in front of those that follow", async () => {
    const agent = await connect();
    const job = await offered(agent);
    await agent.log(job, 0, "early ");
    await agent.start(job);
    await agent.log(job, 6, "late");
    expect(await agent.report(job, "early late", { outcome: JobOutcome.ERRORED })).toMatchObject({ logProblem: "" });
  });
});

describe("plan.upload: a plan that can be applied must have been uploaded", () => {
  test("none was", async () => {
    const agent = await connect();
    const job = await started(agent);
    await agent.report(job, "", { hasChanges: true });
    expect((await runOf(job)).errorMessage).toMatch(/uploaded none: nothing is there to apply: start the run again/);
  });

  test("another one was", async () => {
    const agent = await connect();
    const job = await started(agent);
    const planSha256 = "a".repeat(64);
    const run = { ...(await runOf(job)), planSha256, planBlobKey: "00" };
    await stage.fixture.control.store.write((tx) => tx.runs.save(run));
    await agent.report(job, "", { hasChanges: true, planSha256: "b".repeat(64) });
    expect((await runOf(job)).errorMessage).toMatch(
      /uploaded a plan with SHA-256 aaa.* and reported one with SHA-256 bbb/,
    );
  });

  test("none is needed when nothing changes", async () => {
    const agent = await connect();
    const job = await started(agent);
    await agent.report(job, "", { hasChanges: false });
    expect((await runOf(job)).status).toBe("planned_and_finished");
  });
});
