import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { claimOf, useContractStage } from "../../../test/support/contract-stage.ts";
import { sha256 } from "../../../test/support/control.ts";
import { type FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { until } from "../../../test/support/until.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
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
  type JobStage,
} from "../../gen/windlass/agent/v1/job_pb.ts";
import { heardFrom } from "../../rpc/streams/session-hearing.ts";
import { Liveness } from "./liveness.ts";
import { registerAgent } from "./registration.ts";
import { serveSession } from "./stream.ts";

const stage = useContractStage();
const { connect, offered, jobOf, started, expectAlive } = stage;

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
    const { control } = stage.fixture;
    const said = introduction();
    const { agent } = await registerAgent(control, stage.token, said);
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
    const { clock } = stage.fixture;
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
