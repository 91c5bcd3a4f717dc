import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { until } from "../../../test/support/until.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import {
  CloseReason,
  RefusalReason,
  SessionMessage,
  SessionRequestSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import {
  DesiredState,
  JobClaimSchema,
  type JobEngine,
  JobOutcome,
  JobStage,
} from "../../gen/windlass/agent/v1/job_pb.ts";
import { heardFrom } from "../../rpc/streams/session-hearing.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { followLog } from "../runs/logs.ts";
import { sweepOnce } from "../runs/sweeper.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { Liveness } from "./liveness.ts";
import { registerAgent } from "./registration.ts";
import { serveSession } from "./stream.ts";

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

async function connect(): Promise<FakeAgent> {
  const agent = await FakeAgent.connect(fixture.control, token);
  agents.push(agent);
  return agent;
}

/** A job of a fresh run, offered to the agent. */
async function offered(agent: FakeAgent, phase: Job["phase"] = "plan", decidedBy = ""): Promise<Job> {
  const run: Run = { ...runRow(workspace, { status: phase === "plan" ? "plan_queued" : "apply_queued" }), decidedBy };
  const job = jobRow(run, { phase, poolId: workspace.poolId });
  const { id, organizationId } = { id: run.configurationId, organizationId: workspace.organizationId };
  const content = { blobKey: "00", bytes: 1, sha256: "00", fileCount: 1 };
  const by = { createdBy: "ana", createdAt: fixture.clock.now() };
  await fixture.control.store.write(async (tx) => {
    const row = {
      ...plainConfiguration,
      id,
      organizationId,
      workspaceId: workspace.id,
      message: "",
      ...content,
      ...by,
    };
    await tx.configurations.insert(row);
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  await dispatchOnce(fixture.control);
  await agent.next("offer");
  return jobOf(job.id);
}

async function jobOf(id: Job["id"]): Promise<Job> {
  const job = await fixture.control.store.read((q) => q.jobs.get(id));
  if (job === undefined) throw new Error("the job is there");
  return job;
}

async function runOf({ runId }: Job): Promise<Run> {
  const run = await fixture.control.store.read((q) => q.runs.get(runId));
  if (run === undefined) throw new Error("the run is there");
  return run;
}

async function started(agent: FakeAgent, phase: Job["phase"] = "plan"): Promise<Job> {
  const job = await offered(agent, phase);
  expect(await agent.start(job)).toMatchObject({ granted: true });
  return jobOf(job.id);
}

const claimOf = ({ id, epoch }: Pick<Job, "id" | "epoch">) => ({ jobId: id, epoch: BigInt(epoch) });

/** A heartbeat is answered: the session lives. */
async function expectAlive(agent: FakeAgent, job: Job): Promise<void> {
  agent.send({ case: "heartbeat", value: { jobs: [{ claim: claimOf(job), stage: JobStage.RUNNING }] } });
  expect((await agent.next("heartbeatReply")).jobs).toMatchObject([{ claim: claimOf(job) }]);
  expect(agent.isOver).toBe(false);
}

type Sent = Parameters<FakeAgent["send"]>[0];

describe("session.refused: one message that breaks a rule is refused by name, and the session lives", () => {
  const result = (job: Job, over: object) =>
    ({
      case: "jobResult",
      value: { claim: claimOf(job), outcome: JobOutcome.ERRORED, logSha256: sha256(""), ...over },
    }) satisfies Sent;
  const rows: readonly (readonly [string, (job: Job) => Sent, SessionMessage, string, RegExp])[] = [
    [
      "a chunk of 65,537 bytes",
      (job) => ({ case: "logChunk", value: { claim: claimOf(job), chunk: Buffer.alloc(65_537) } }),
      SessionMessage.LOG_CHUNK,
      "log.chunk",
      /log_chunk\.chunk: must be at most 65536 bytes/,
    ],
    [
      "an empty chunk",
      (job) => ({ case: "logChunk", value: { claim: claimOf(job) } }),
      SessionMessage.LOG_CHUNK,
      "log.chunk",
      /log_chunk\.chunk/,
    ],
    [
      "an error message of 5,000 characters",
      (job) => result(job, { errorMessage: "x".repeat(5_000) }),
      SessionMessage.JOB_RESULT,
      "field.bounds",
      /job_result\.error_message: must be at most 4096 characters/,
    ],
    [
      "a result without an outcome",
      (job) => result(job, { outcome: 0 }),
      SessionMessage.JOB_RESULT,
      "field.bounds",
      /outcome/,
    ],
    [
      "a result with half a hash",
      (job) => result(job, { logSha256: "abc" }),
      SessionMessage.JOB_RESULT,
      "field.bounds",
      /log_sha256/,
    ],
    [
      "1,001 things in flight",
      (job) => result(job, { inFlight: Array.from({ length: 1_001 }, () => ({ address: "a.b" })) }),
      SessionMessage.JOB_RESULT,
      "field.bounds",
      /job_result\.in_flight/,
    ],
    [
      "a start request without a journal",
      (job) => ({ case: "startRequest", value: { claim: claimOf(job), incarnation: "here" } }),
      SessionMessage.START_REQUEST,
      "field.bounds",
      /start_request\.incarnation/,
    ],
    [
      "a decline that explains too much",
      (job) => ({ case: "offerDecline", value: { claim: claimOf(job), reason: "x".repeat(1_025) } }),
      SessionMessage.OFFER_DECLINE,
      "field.bounds",
      /offer_decline\.reason/,
    ],
    [
      "a claim of epoch 0",
      (job) => ({ case: "offerDecline", value: { claim: claimOf({ ...job, epoch: 0 }) } }),
      SessionMessage.OFFER_DECLINE,
      "claim.name",
      /offer_decline\.claim\.epoch/,
    ],
    [
      "a heartbeat with too long a reason",
      () => ({ case: "heartbeat", value: { noRoom: "x".repeat(257) } }),
      SessionMessage.HEARTBEAT,
      "field.bounds",
      /heartbeat\.no_room/,
    ],
    [
      "a good-bye that explains too much",
      () => ({ case: "goodbye", value: { reason: "x".repeat(1_025) } }),
      SessionMessage.GOODBYE,
      "field.bounds",
      /goodbye\.reason/,
    ],
  ];

  test.each(rows)("%s", async (_what, message, kind, rule, detail) => {
    const agent = await connect();
    const job = await offered(agent);
    const sent = message(job);
    agent.send(sent);
    const refused = await agent.next("refused");
    expect(refused).toMatchObject({ message: kind, reason: RefusalReason.INVALID, rule });
    expect(refused.detail).toMatch(detail);
    const named = sent.value !== undefined && "claim" in sent.value ? sent.value.claim : undefined;
    expect(refused.claim === undefined ? undefined : { ...refused.claim }).toEqual(
      named === undefined ? undefined : expect.objectContaining(named),
    );
    await expectAlive(agent, job);
    expect(await jobOf(job.id)).toMatchObject({ status: "offered", epoch: job.epoch });
  });

  test("a message without a claim is refused without one", async () => {
    const agent = await connect();
    const job = await offered(agent);
    agent.send({ case: "logChunk", value: { chunk: Buffer.from("x") } });
    expect(await agent.next("refused")).toMatchObject({ message: SessionMessage.LOG_CHUNK, rule: "claim.name" });
    await expectAlive(agent, job);
  });

  test("what follows a refused message is taken: a shorter result, and smaller chunks", async () => {
    const agent = await connect();
    const job = await started(agent);
    const bytes = "y".repeat(65_537);
    agent.send({ case: "logChunk", value: { claim: claimOf(job), chunk: Buffer.from(bytes) } });
    await agent.next("refused");
    await agent.log(job, 0, bytes.slice(0, 65_536));
    await agent.log(job, 65_536, bytes.slice(65_536));
    agent.send(result(job, { errorMessage: "x".repeat(5_000) }));
    await agent.next("refused");
    expect(await agent.report(job, bytes, { outcome: JobOutcome.ERRORED, errorMessage: "x" })).toMatchObject({
      sealed: true,
      logProblem: "",
    });
    expect(await jobOf(job.id)).toMatchObject({ status: "errored", errorMessage: "x", logProblem: null });
  });

  test("an agent that does nothing but break rules is closed as a flood", async () => {
    const agent = await connect();
    for (let n = 0; n < 40; n++) agent.send({ case: "heartbeat", value: { noRoom: "x".repeat(257) } });
    expect(await agent.next("close")).toMatchObject({ reason: CloseReason.FLOOD });
    await until("the stream ends", () => agent.isOver);
    expect(agent.failure).toBeUndefined();
  });
});

describe("session.end: what still ends a stream says close, and OK follows", () => {
  const ended = async (agent: FakeAgent, reason: CloseReason, detail: RegExp) => {
    const close = await agent.next("close");
    expect(close.reason).toBe(reason);
    expect(close.detail).toMatch(detail);
    await until("the stream ends", () => agent.isOver);
    expect(agent.failure).toBeUndefined();
  };

  test("a second hello", async () => {
    const agent = await connect();
    agent.hello([]);
    await ended(agent, CloseReason.PROTOCOL, /hello comes once/);
  });

  test("too many heartbeats", async () => {
    const agent = await connect();
    for (let n = 0; n < 40; n++) agent.send({ case: "heartbeat", value: {} });
    await ended(agent, CloseReason.FLOOD, /too many heartbeats/);
  });

  /** Serves a stream on which an agent says this, whoever reads its answers. */
  const served = async (messages: (identity: { incarnation: string; bootId: string }) => AsyncIterable<Sent>) => {
    const { control } = fixture;
    const said = introduction();
    const { agent } = await registerAgent(control, token, said);
    const requests = (async function* () {
      for await (const message of messages(said)) yield create(SessionRequestSchema, { message });
    })();
    const who: Principal = { kind: "agent_session", agentId: agent.id };
    const stream = { incoming: heardFrom(requests), signal: new AbortController().signal, address: "" };
    return serveSession(control, new Liveness(), { who, stream });
  };
  const first = async (message: Sent) =>
    Array.fromAsync(
      await served(async function* () {
        yield message;
      }),
    );

  test("no hello within 10 seconds", async () => {
    const { clock } = fixture;
    const before = clock.sleeping;
    const answers = Array.fromAsync(
      await served(async function* () {
        await new Promise(() => {});
        yield* [];
      }),
    );
    await until("it waits for a hello", () => clock.sleeping > before || undefined);
    await clock.advance(10_000);
    expect((await answers).map(({ message }) => message)).toMatchObject([
      { case: "close", value: { reason: CloseReason.PROTOCOL, detail: expect.stringContaining("within 10 seconds") } },
    ]);
  });

  test("an agent that does not read what it is sent", async () => {
    let said = 0;
    const session = await served(async function* (identity) {
      yield { case: "hello", value: identity };
      const claim = { jobId: "job_x", epoch: 1n };
      for (; said < 5_000; said++) yield { case: "logChunk", value: { claim, chunk: Buffer.from("x") } };
    });
    expect((await session.next()).value?.message.case).toBe("welcome");
    expect((await session.next()).value?.message.case).toBe("logAck");
    await until("everything was said", () => said === 5_000 || undefined);
    const rest = await Array.fromAsync(session);
    expect(rest.at(-1)?.message).toMatchObject({ case: "close", value: { reason: CloseReason.FLOOD } });
  });

  test.each<readonly [string, Sent, RegExp]>([
    ["something else than a hello", { case: "heartbeat", value: {} }, /must be a hello, within 10 seconds/],
    [
      "a hello that breaks a rule",
      { case: "hello", value: { incarnation: "x" } },
      /hello breaks a rule: hello\.incarnation/,
    ],
  ])("%s at first", async (_what, message, detail) => {
    const answers = await first(message);
    expect(answers.map((answer) => answer.message)).toMatchObject([
      { case: "close", value: { reason: CloseReason.PROTOCOL, detail: expect.stringMatching(detail) } },
    ]);
  });
});

describe("session.unknown: values of a newer agent are tolerated", () => {
  test("a stage, an outcome, an engine and a way to hold", async () => {
    const agent = await connect();
    const job = await started(agent);
    const unknown = 77 as JobEngine;
    const stage = 77 as JobStage;
    const outcome = 77 as JobOutcome;
    const claim = create(JobClaimSchema, claimOf(job));
    agent.send({
      case: "heartbeat",
      value: {
        jobs: [{ claim, stage }],
        engines: { programs: [{ engine: unknown, version: "1.0.0" }] },
      },
    });
    expect(await agent.next("heartbeatReply")).toMatchObject({ jobs: [{ desired: DesiredState.RUN }] });
    expect(await agent.report(job, "", { outcome, engine: unknown, errorMessage: "new" })).toMatchObject({
      sealed: true,
    });
    expect(await jobOf(job.id)).toMatchObject({ status: "errored", errorMessage: "new" });
  });
});

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
    const again = FakeAgent.again(fixture.control, agent, { held: [{ ...job, stage: JobStage.PREPARED }] });
    agents.push(again);
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
    const { control, as } = fixture;
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
    const again = FakeAgent.again(fixture.control, agent, { held: [{ ...job, stage: JobStage.PREPARED }] });
    agents.push(again);
    await again.next("welcome");
    expect(await again.start(job)).toMatchObject({ granted: true });
    expect((await jobOf(job.id)).attempt).toBe(1);
  });

  test("hello.jobs: is refused if the hello does not name it", async () => {
    const agent = await connect();
    const job = await offered(agent);
    await agent.cut();
    const again = FakeAgent.again(fixture.control, agent);
    agents.push(again);
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
    const { control, as } = fixture;
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
    await fixture.control.store.write(async (tx) => {
      const ended = {
        ...row,
        status: "errored" as const,
        endedAt: fixture.clock.now(),
        leaseUntil: null,
      };
      await tx.jobs.save(ended);
    });
    await fixture.clock.advance(fixture.control.timing.logGraceMs + 1_000);
    await sweepOnce(fixture.control);
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
    await fixture.control.store.write((tx) => tx.runs.save(run));
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
