import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type HandlerContext, type Transport } from "@connectrpc/connect";
import {
  AgentGatewayService,
  type Heartbeat,
  type Hello,
  type JobResult,
  type LogChunk,
  RefusalReason,
  type RegisterRequest,
  SessionMessage,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
  type StartRequest,
} from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { DesiredState, type JobClaim } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { untilAborted } from "../../../src/lib/async/abort.ts";
import { OutQueue } from "../../../src/lib/async/queue.ts";
import type { FakeJob } from "./fake-job.ts";
import { type Knobs, untouchedKnobs } from "./knobs.ts";
import { ownRefusal } from "./own-refusal.ts";

type Answer = NonNullable<MessageInitShape<typeof SessionResponseSchema>["message"]>;

interface Connection {
  readonly out: OutQueue<SessionResponse>;
  readonly over: AbortController;
}

/** A control plane in memory that speaks the real protocol, keeps what agents send, and misbehaves when told to. */
export class FakeControlPlane {
  readonly transport: Transport;
  readonly knobs: Knobs = untouchedKnobs();
  readonly registrations: RegisterRequest[] = [];
  readonly hellos: Hello[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly startRequests: StartRequest[] = [];
  readonly results: JobResult[] = [];
  readonly declines: string[] = [];
  readonly goodbyes: string[] = [];
  /** What was asked for that may come by itself. */
  readonly asked: ("variables" | "providers" | "shared states" | "state")[] = [];
  /** Answers to the next requests for variables. */
  readonly variablesRefusals: ConnectError[] = [];
  readonly #jobs = new Map<string, FakeJob>();
  #connection: Connection | undefined;
  #sessionEpoch = 0n;

  constructor() {
    this.transport = createRouterTransport((router) => {
      router.service(AgentGatewayService, {
        register: (request) => this.#register(request),
        session: (messages, context) => this.#session(messages, context),
      });
      router.service(JobArtifactService, {
        getVariables: (_request, context) => {
          const refusal = this.variablesRefusals.shift();
          if (refusal !== undefined) throw refusal;
          this.asked.push("variables");
          return this.#started(context).givenVariables;
        },
        getProviders: (_request, context) => {
          this.asked.push("providers");
          return this.#started(context).giveProviders();
        },
        listSharedStates: (_request, context) => {
          this.asked.push("shared states");
          return each(this.#started(context).shared);
        },
        downloadConfiguration: (_request, context) => pieces(this.#jobOf(context).configuration),
        downloadPlan: (_request, context) => pieces(this.#jobOf(context).plan),
        downloadPlanFiles: (_request, context) => pieces(this.#jobOf(context).planFiles),
        downloadState: (_request, context) => this.#giveState(context),
        uploadPlan: async (parts, context) => {
          await this.#started(context).takePlan(parts);
          return {};
        },
        uploadState: async (parts, context) => {
          const quarantineReason = await this.#jobOf(context).takeState(parts);
          return { stateVersionId: "sv_1", quarantined: quarantineReason !== "", quarantineReason };
        },
      });
    });
  }

  /** Whether an agent's stream is open. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Offers a job to the agent that is connected. */
  offer(job: FakeJob): void {
    this.#jobs.set(keyOf(job.claim), job);
    this.send({ case: "offer", value: { job: job.spec, state: job.offeredState } });
  }

  /** What is wanted from now on; told at once, and with every heartbeat. */
  desire(job: FakeJob, desired: DesiredState): void {
    job.desired = desired;
    this.send({ case: "jobCommand", value: { claim: job.claim, desired } });
  }

  send(message: Answer): void {
    this.#connection?.out.push("control", create(SessionResponseSchema, { message }), 1);
  }

  /** Breaks the stream. */
  disconnect(): void {
    this.#connection?.out.close(new ConnectError("broken by the test", Code.Unavailable));
    this.#connection?.over.abort();
    this.#connection = undefined;
  }

  async *#giveState(context: HandlerContext) {
    const { state } = this.#jobOf(context);
    this.asked.push("state");
    if (this.knobs.isStateStalled) {
      this.knobs.stalledDownloads++;
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve, { once: true }));
      this.knobs.stalledDownloads--;
    }
    yield* pieces(state);
  }

  #jobOf(context: HandlerContext): FakeJob {
    if (this.knobs.isAway) throw new ConnectError("away", Code.Unavailable);
    const token = context.requestHeader.get("authorization");
    const job = [...this.#jobs.values()].find(({ spec }) => token === `Bearer ${spec.jobToken}`);
    if (job === undefined) throw ownRefusal("no such job token", Code.Unauthenticated);
    return job;
  }

  #started(context: HandlerContext): FakeJob {
    const job = this.#jobOf(context);
    if (job.grants === 0) throw ownRefusal("not started", Code.PermissionDenied);
    return job;
  }

  #register(request: RegisterRequest) {
    if (this.knobs.refusal !== undefined) throw this.knobs.refusal;
    if (this.knobs.isAway) throw new ConnectError("away", Code.Unavailable);
    this.registrations.push(request);
    return {
      agentId: "agent_1",
      sessionToken: "wdl_ses_test",
      agentPoolId: "apool_1",
      agentPool: "prod",
      address: "127.0.0.1",
      clusterGeneration: "generation-1",
      heartbeatInterval: durationFromMs(this.knobs.heartbeatMs),
      protocol: 1,
    };
  }

  async *#session(messages: AsyncIterable<SessionRequest>, context: HandlerContext): AsyncGenerator<SessionResponse> {
    if (this.knobs.isAway) throw new ConnectError("away", Code.Unavailable);
    if (this.knobs.isSessionRefused) throw ownRefusal("the session is over", Code.Unauthenticated);
    this.disconnect();
    const connection = {
      out: new OutQueue<SessionResponse>({ maxItems: 1e6, maxBytes: 1e9 }),
      over: new AbortController(),
    };
    this.#connection = connection;
    const over = AbortSignal.any([connection.over.signal, context.signal]);
    over.addEventListener("abort", () => connection.out.close(), { once: true });
    const reading = this.#read(connection, untilAborted(messages, over));
    try {
      yield* connection.out;
    } finally {
      connection.over.abort();
      if (this.#connection === connection) this.#connection = undefined;
      await reading;
    }
  }

  async #read(connection: Connection, messages: AsyncIterable<SessionRequest>): Promise<void> {
    try {
      for await (const { message } of messages) if (message.case !== undefined) this.#receive(message);
      connection.out.end();
    } catch (error) {
      connection.out.close(error);
    }
  }

  #receive(message: SessionRequest["message"]): void {
    if (this.#refuses(message)) return;
    switch (message.case) {
      case "hello":
        this.#hello(message.value);
        break;
      case "heartbeat":
        this.#heartbeat(message.value);
        break;
      case "startRequest":
        this.#start(message.value);
        break;
      case "logChunk":
        this.#log(message.value);
        break;
      case "jobResult":
        this.#result(message.value);
        break;
      case "offerDecline":
        this.declines.push(message.value.reason);
        break;
      case "goodbye":
        this.goodbyes.push(message.value.reason);
        this.#connection?.out.end();
        break;
      default:
        break;
    }
  }

  /** Says that a message breaks a rule, if it is to. */
  #refuses(message: SessionRequest["message"]): boolean {
    const { knobs } = this;
    const kind = kinds.get(message.case ?? "hello") ?? SessionMessage.UNSPECIFIED;
    const left = knobs.refusals.get(kind) ?? 0;
    const isUngranted = message.case === "jobResult" && knobs.ungrantedResults > 0;
    if (left === 0 && !isUngranted) return false;
    if (message.case === "jobResult") this.results.push(message.value);
    if (message.case === "heartbeat") this.heartbeats.push(message.value);
    if (isUngranted) knobs.ungrantedResults -= 1;
    else knobs.refusals.set(kind, left - 1);
    const reason = isUngranted ? RefusalReason.NOT_GRANTED : RefusalReason.INVALID;
    const claim = message.value !== undefined && "claim" in message.value ? message.value.claim : undefined;
    const value = { message: kind, reason, rule: "field.bounds", detail: "refused by the test" };
    this.send({ case: "refused", value: claim === undefined ? value : { ...value, claim } });
    return true;
  }

  #hello(hello: Hello): void {
    this.hellos.push(hello);
    this.#sessionEpoch += 1n;
    const decisions = hello.jobs.map(({ claim }) => {
      const job = this.#find(claim);
      if (job === undefined) return { claim: { ...claim }, desired: DesiredState.GONE, sealed: true };
      return { claim: job.claim, desired: job.desired, logNextOffset: BigInt(job.log.length), sealed: job.isSealed };
    });
    const { heartbeatMs, logWindowBytes } = this.knobs;
    this.send({
      case: "welcome",
      value: {
        sessionEpoch: this.#sessionEpoch,
        jobs: decisions.map(({ claim, ...rest }) => ({
          ...rest,
          claim: { jobId: claim.jobId ?? "", epoch: claim.epoch ?? 0n },
        })),
        heartbeatInterval: durationFromMs(heartbeatMs),
        logWindowBytes: BigInt(logWindowBytes),
      },
    });
  }

  #heartbeat(heartbeat: Heartbeat): void {
    this.heartbeats.push(heartbeat);
    const { isSilent, leaseMs } = this.knobs;
    if (isSilent) return;
    const lease = leaseMs === undefined ? {} : { lease: durationFromMs(leaseMs) };
    const jobs = heartbeat.jobs.map(({ claim }) => {
      const desired = this.#find(claim)?.desired ?? DesiredState.GONE;
      return { claim: { jobId: claim?.jobId ?? "", epoch: claim?.epoch ?? 0n }, desired, ...lease };
    });
    this.send({ case: "heartbeatReply", value: { nextInterval: durationFromMs(this.knobs.heartbeatMs), jobs } });
  }

  #start(request: StartRequest): void {
    this.startRequests.push(request);
    const job = this.#find(request.claim);
    if (job?.isUndecided === true) return;
    if (job === undefined || !job.isGrantable) {
      const claim = { jobId: request.claim?.jobId ?? "", epoch: request.claim?.epoch ?? 0n };
      this.send({ case: "startDecision", value: { claim, granted: false, reason: "the claim is over" } });
      return;
    }
    this.grant(job, request.incarnation);
  }

  /** Grants a job; a test may do so more often than asked. */
  grant(job: FakeJob, incarnation: string): void {
    job.grants++;
    const inputs = { variables: job.givenVariables, providers: job.providers, sharedStates: [...job.shared] };
    const decision = { claim: job.claim, granted: true, incarnation };
    this.send({ case: "startDecision", value: job.isGivenAtOnce ? { ...decision, inputs } : decision });
  }

  #log({ claim, offset, chunk }: LogChunk): void {
    const job = this.#find(claim);
    if (job === undefined) return;
    const isRefused = this.knobs.refusedChunks > 0;
    if (isRefused) this.knobs.refusedChunks--;
    const rewind = isRefused || Number(offset) > job.log.length;
    if (!rewind) job.appendLog(Number(offset), chunk);
    this.send({ case: "logAck", value: { claim: job.claim, nextOffset: BigInt(job.log.length), rewind } });
  }

  #result(result: JobResult): void {
    this.results.push(result);
    const job = this.#find(result.claim);
    if (job === undefined) return;
    const isWhole =
      result.logLost || (BigInt(job.log.length) === result.logBytes && sha256(job.log) === result.logSha256);
    if (isWhole) {
      job.isSealed = true;
      job.result = result;
    }
    if (this.knobs.lostResultAcks > 0) {
      this.knobs.lostResultAcks--;
      return;
    }
    const ack = { claim: job.claim, sealed: isWhole, needLogFrom: BigInt(job.log.length) };
    this.send({ case: "resultAck", value: ack });
  }

  #find(claim: JobClaim | undefined): FakeJob | undefined {
    return claim === undefined ? undefined : this.#jobs.get(keyOf(claim));
  }
}

const kinds: ReadonlyMap<string, SessionMessage> = new Map([
  ["heartbeat", SessionMessage.HEARTBEAT],
  ["offerDecline", SessionMessage.OFFER_DECLINE],
  ["startRequest", SessionMessage.START_REQUEST],
  ["logChunk", SessionMessage.LOG_CHUNK],
  ["jobResult", SessionMessage.JOB_RESULT],
]);

const keyOf = ({ jobId, epoch }: Pick<JobClaim, "jobId" | "epoch">) => `${jobId}-${epoch}`;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function* pieces(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 1000) yield { chunk: bytes.subarray(at, at + 1000) };
}

async function* each<T>(items: readonly T[]) {
  yield* items;
}
