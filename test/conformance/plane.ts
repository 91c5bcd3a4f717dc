import { setTimeout as pause } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  AgentGatewayService,
  RefusalReason,
  type RegisterRequest,
  RegisterRequestSchema,
  type SessionMessage,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  SessionResponseSchema,
} from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, type JobClaim } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { untilAborted } from "../../src/lib/async/abort.ts";
import { OutQueue } from "../../src/lib/async/queue.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { mintToken } from "../../src/lib/words/tokens.ts";
import { ownRefusal } from "../support/agent/own-refusal.ts";
import { FakeServer } from "../support/cli/fake-server.ts";
import { serveArtifacts } from "./artifacts.ts";
import { hearMessage } from "./hear.ts";
import { goodManners, type Manners } from "./manners.ts";
import type { OfferedJob } from "./offered-job.ts";
import { ProtocolRecord } from "./record.ts";

export type Answer = NonNullable<MessageInitShape<typeof SessionResponseSchema>["message"]>;

/** One stream of an agent, from its opening to its end. */
export interface Stream {
  readonly number: number;
  readonly out: OutQueue<SessionResponse>;
  readonly over: AbortController;
  isWelcomed: boolean;
  /** First byte of each job's log that was not acknowledged on this stream. */
  readonly acknowledged: Map<OfferedJob, number>;
  /** One past the last byte of each job's log that came on it. */
  readonly sent: Map<OfferedJob, number>;
}

const closeWithinMs = 3_000;

/** The agent token that the plane takes. */
export const agentToken = mintToken("agt", systemRandom);

/** Plays the control plane on a real port, writes down what the agent does, and misbehaves when told to. */
export class Plane implements AsyncDisposable {
  readonly manners: Manners = goodManners();
  readonly record = new ProtocolRecord();
  readonly server: FakeServer;
  readonly #jobs: OfferedJob[] = [];
  #stream: Stream | undefined;
  #lastStream = 0;
  #sessionToken = "";

  constructor(tls?: { readonly cert: string; readonly key: string }) {
    this.server = new FakeServer((router) => this.#routes(router), tls);
  }

  get stream(): Stream | undefined {
    return this.#stream;
  }

  get lastStream(): number {
    return this.#lastStream;
  }

  get jobs(): readonly OfferedJob[] {
    return this.#jobs;
  }

  jobOf(claim: JobClaim | undefined): OfferedJob | undefined {
    return this.#jobs.find(({ id, parts }) => id === claim?.jobId && (parts.epoch ?? 1n) === claim.epoch);
  }

  /** Offers a job on the stream that is open. */
  offer(job: OfferedJob): void {
    if (!this.#jobs.includes(job)) this.#jobs.push(job);
    this.send({ case: "offer", value: { job: job.spec } });
  }

  /** What is wanted from now on; told at once, and with every heartbeat. */
  desire(job: OfferedJob, desired: DesiredState): void {
    job.desired = desired;
    this.send({ case: "jobCommand", value: this.command(job.claim) });
  }

  /** What is wanted of a claim, with its lease. */
  command(claim: { readonly jobId: string; readonly epoch: bigint }) {
    const job = this.jobOf(claim as JobClaim);
    const desired = job === undefined || job.isSealed ? DesiredState.GONE : job.desired;
    return { claim, desired, lease: durationFromMs(this.manners.leaseMs) };
  }

  send(message: Answer): void {
    this.#stream?.out.push("control", this.manners.alter(create(SessionResponseSchema, { message })), 1);
  }

  /** Says that the log is stored as far as it is. */
  acknowledge(job: OfferedJob): void {
    this.#stream?.acknowledged.set(job, job.log.length);
    this.send({ case: "logAck", value: { claim: job.claim, nextOffset: BigInt(job.log.length) } });
  }

  /** Sends a message with fields that its schema does not have. */
  sendRaw(message: SessionResponse, fields: NonNullable<SessionResponse["$unknown"]>): void {
    message.$unknown = fields;
    this.#stream?.out.push("control", message, 1);
  }

  /** Does not take a message of the agent. */
  refuse(
    job: OfferedJob | undefined,
    message: SessionMessage,
    rule: string,
    reason: RefusalReason = RefusalReason.INVALID,
  ): void {
    const detail = `refused by the check, as a breach of ${rule}`;
    const named = job === undefined ? {} : { claim: job.claim };
    this.send({ case: "refused", value: { ...named, message, reason, rule, detail } });
  }

  /** Ends the stream with OK, after what was sent. */
  endStream(): void {
    this.#stream?.out.end();
  }

  /** Breaks every connection, as a network does. */
  cut(): void {
    this.server.cutConnections();
  }

  /** A server over TLS does not always tell that it has closed: nothing waits for that for ever. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.race([this.server.stop(), pause(closeWithinMs)]);
  }

  #routes(router: ConnectRouter): void {
    router.service(AgentGatewayService, {
      register: (request, context) => this.#register(request, context),
      session: (messages, context) => this.#session(messages, context),
    });
    serveArtifacts(router, this);
  }

  #register(request: RegisterRequest, context: HandlerContext) {
    const { registerRefusal: refusal, heartbeatMs, clusterGeneration } = this.manners;
    this.record.registrations.push({ ...this.record.now(), request, isRefused: refusal !== undefined });
    this.record.check(RegisterRequestSchema, request);
    if (refusal !== undefined) throw refusal;
    if (context.requestHeader.get("authorization") !== `Bearer ${agentToken}`)
      throw this.#unauthenticated("Register", "the agent token");
    this.#sessionToken = mintToken("ses", systemRandom);
    return {
      agentId: "agent_conformance",
      sessionToken: this.#sessionToken,
      agentPoolId: "apool_conformance",
      agentPool: "conformance",
      organization: "conformance",
      address: "127.0.0.1",
      heartbeatInterval: durationFromMs(heartbeatMs),
      clusterGeneration,
      serverVersion: "conformance",
      protocol: 1,
    };
  }

  #unauthenticated(method: string, wanted: string): ConnectError {
    this.record.fault(`${method} was called without ${wanted} as bearer token`);
    return ownRefusal(`expected ${wanted}`, Code.Unauthenticated);
  }

  #admit(context: HandlerContext): void {
    const { sessionRefusal, endedSessions } = this.manners;
    const token = context.requestHeader.get("authorization");
    const isEnded = this.record.registrations.length <= endedSessions;
    this.#lastStream++;
    const isRefused = sessionRefusal !== undefined || isEnded || token !== `Bearer ${this.#sessionToken}`;
    this.record.streams.push({ ...this.record.now(), stream: this.#lastStream, isRefused });
    if (sessionRefusal !== undefined) throw sessionRefusal;
    if (isEnded) throw ownRefusal("the session is over: register again", Code.Unauthenticated);
    if (isRefused) throw this.#unauthenticated("Session", "the session token of the last registration");
  }

  async *#session(messages: AsyncIterable<SessionRequest>, context: HandlerContext): AsyncGenerator<SessionResponse> {
    this.#admit(context);
    this.#stream?.out.close();
    this.#stream?.over.abort();
    const stream = newStream(this.#lastStream);
    this.#stream = stream;
    const over = AbortSignal.any([stream.over.signal, context.signal]);
    over.addEventListener("abort", () => stream.out.close(), { once: true });
    const reading = this.#read(stream, untilAborted(messages, over));
    try {
      yield* stream.out;
    } finally {
      stream.over.abort();
      if (this.#stream === stream) this.#stream = undefined;
      await reading;
    }
  }

  async #read(stream: Stream, messages: AsyncIterable<SessionRequest>): Promise<void> {
    try {
      for await (const message of messages) {
        this.record.check(SessionRequestSchema, message);
        this.record.hear(stream.number, message.message);
        hearMessage(this, stream, message.message);
      }
      stream.out.end();
    } catch {
      stream.out.close();
    }
  }

  /** What the plane says to a hello. */
  welcome(stream: Stream, held: readonly { readonly claim?: JobClaim | undefined }[]): void {
    const { heartbeatMs, logWindowBytes } = this.manners;
    const jobs = held.map(({ claim }) => {
      const { jobId = "", epoch = 0n } = claim ?? {};
      const job = this.jobOf(claim);
      if (job !== undefined) stream.acknowledged.set(job, job.log.length);
      const { desired } = this.command({ jobId, epoch });
      return {
        claim: { jobId, epoch },
        desired,
        logNextOffset: BigInt(job?.log.length ?? 0),
        stateSerial: job?.states.at(-1)?.header.serial ?? 0n,
        sealed: job?.isSealed ?? false,
      };
    });
    stream.isWelcomed = true;
    const heartbeatInterval = durationFromMs(heartbeatMs);
    this.send({
      case: "welcome",
      value: { sessionEpoch: BigInt(stream.number), jobs, heartbeatInterval, logWindowBytes: BigInt(logWindowBytes) },
    });
  }

  /** What the plane says to a heartbeat. */
  reply(held: readonly { readonly claim?: JobClaim | undefined }[]): void {
    const jobs = held.map(({ claim }) => this.command({ jobId: claim?.jobId ?? "", epoch: claim?.epoch ?? 0n }));
    const nextInterval = durationFromMs(this.manners.heartbeatMs);
    this.send({ case: "heartbeatReply", value: { serverTime: timestampNow(), nextInterval, jobs } });
  }
}

const newStream = (number: number): Stream => ({
  number,
  out: new OutQueue<SessionResponse>({ maxItems: 1e6, maxBytes: 1e9 }),
  over: new AbortController(),
  isWelcomed: false,
  acknowledged: new Map(),
  sent: new Map(),
});
