import { createHash, randomUUID } from "node:crypto";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  LogChunkSchema,
  RegisterRequestSchema,
  RegisterResponseSchema,
  SessionRequestSchema,
  type SessionResponse,
  SessionResponseSchema,
  type Welcome,
} from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { type JobClaim, JobEngine, JobFeature, JobOutcome } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { now, preciseMs } from "../timing.ts";
import { dial, frameOf, messagesOf, openCall, rawUnary } from "./raw-grpc.ts";

const gateway = "/windlass.agent.v1.AgentGatewayService";
const pieceBytes = 64 * 1024;
const nothingSha256 = createHash("sha256").digest("hex");

/** As an agent says it that has the usual program. */
const engines = { programs: [{ engine: JobEngine.TERRAFORM, version: "1.11.4" }], downloads: [] };
const features = [
  ...[JobFeature.EXCLUDES, JobFeature.SUPPRESS_FORGET_ERRORS],
  ...[JobFeature.GENERATE_CONFIGURATION, JobFeature.DEBUG],
];

/** What all agents of a fleet are told and tell. */
export interface FleetOrders {
  readonly url: string;
  readonly token: string;
  /** Of each job, written once `logGo` resolves; 0: each job is over as soon as it is granted. */
  readonly logBytes: number;
  /** What logs are made of, again and again: 64 KiB. */
  readonly piece: Buffer;
  readonly logGo: Promise<void>;
  /** Offers are answered once it resolves. */
  readonly startGo: Promise<void>;
  readonly heard: FleetEvents;
}

export interface FleetEvents {
  connected(by: 1 | -1): void;
  heartbeat(ms: number): void;
  granted(runId: string, atMs: number): void;
  sealed(): void;
  /** Everything of a log is durable; how long each piece took until it was. */
  logged(log: { readonly fromMs: number; readonly toMs: number; readonly ackMs: readonly number[] }): void;
}

interface Log {
  readonly claim: JobClaim;
  readonly sentAtMs: number[];
  readonly ackMs: number[];
  fromMs: number;
  sent: number;
  acked: number;
}

/** An agent without terraform: it takes each job at once, writes the log that it is told to, and says that nothing changes. */
export class FleetAgent {
  readonly #identity = { incarnation: randomUUID(), bootId: randomUUID() };
  readonly #name: string;
  readonly #orders: FleetOrders;
  readonly #jobs = new Map<string, { readonly claim: JobClaim; readonly runId: string }>();
  readonly #logs = new Map<string, Log>();
  #sessionToken: string | undefined;
  #beat: NodeJS.Timeout | undefined;
  #askedAt = 0;
  #epoch = 0n;
  #window = 0;

  constructor(name: string, orders: FleetOrders) {
    this.#name = name;
    this.#orders = orders;
  }

  /** Connects, and again whenever the connection breaks. */
  async live(): Promise<never> {
    for (;;) {
      const session = dial(this.#orders.url);
      await this.#converse(session).catch(() => {});
      session.destroy();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
    }
  }

  async #converse(session: ClientHttp2Session): Promise<void> {
    this.#sessionToken ??= await this.#register(session);
    const stream = openCall(session, { path: `${gateway}/Session`, token: this.#sessionToken });
    let isWelcome = false;
    const ended = messagesOf(stream, (bytes) => {
      const { message } = fromBinary(SessionResponseSchema, bytes);
      if (message.case !== "welcome") this.#hear(stream, message);
      else {
        isWelcome = true;
        this.#orders.heard.connected(1);
        this.#settle(stream, message.value);
      }
    });
    const told = { engines, features, lastSessionEpoch: this.#epoch };
    this.#say(stream, { case: "hello", value: { ...this.#identity, ...told } });
    try {
      await ended;
    } finally {
      clearTimeout(this.#beat);
      if (isWelcome) this.#orders.heard.connected(-1);
    }
  }

  #settle(stream: ClientHttp2Stream, { heartbeatInterval, logWindowBytes, sessionEpoch }: Welcome): void {
    [this.#window, this.#epoch] = [Number(logWindowBytes), sessionEpoch];
    this.#beatEvery(stream, heartbeatInterval === undefined ? 10_000 : durationMs(heartbeatInterval));
  }

  #hear(stream: ClientHttp2Stream, message: SessionResponse["message"]): void {
    switch (message.case) {
      case "heartbeatReply":
        this.#orders.heard.heartbeat(now() - this.#askedAt);
        break;
      case "offer":
        this.#take(stream, message.value.job?.claim, message.value.job?.runId ?? "");
        break;
      case "startDecision":
        if (message.value.granted) this.#begin(stream, message.value.claim);
        break;
      case "logAck":
        this.#window = Number(message.value.windowBytes) || this.#window;
        this.#acknowledge(stream, message.value.claim?.jobId ?? "", Number(message.value.nextOffset));
        break;
      case "resultAck":
        if (message.value.sealed) this.#seal(message.value.claim?.jobId ?? "");
    }
  }

  #take(stream: ClientHttp2Stream, claim: JobClaim | undefined, runId: string): void {
    if (claim === undefined) return;
    this.#jobs.set(claim.jobId, { claim, runId });
    const value = { claim, incarnation: this.#identity.incarnation };
    void this.#orders.startGo.then(() => this.#say(stream, { case: "startRequest", value }));
  }

  #begin(stream: ClientHttp2Stream, claim: JobClaim | undefined): void {
    if (claim === undefined) return;
    this.#orders.heard.granted(this.#jobs.get(claim.jobId)?.runId ?? "", preciseMs());
    if (this.#orders.logBytes === 0) this.#report(stream, claim, nothingSha256);
    else this.#beginLog(stream, claim);
  }

  #beginLog(stream: ClientHttp2Stream, claim: JobClaim): void {
    const log: Log = { claim, sentAtMs: [], ackMs: [], fromMs: 0, sent: 0, acked: 0 };
    this.#logs.set(claim.jobId, log);
    void this.#orders.logGo.then(() => {
      log.fromMs = preciseMs();
      this.#write(stream, log);
    });
  }

  /** As much of a log as the window has room for. */
  #write(stream: ClientHttp2Stream, log: Log): void {
    const { claim } = log;
    while (log.sent < this.#orders.logBytes && log.sent - log.acked + pieceBytes <= this.#window) {
      writePiece(
        stream,
        toBinary(LogChunkSchema, create(LogChunkSchema, { claim, offset: BigInt(log.sent) })),
        this.#orders.piece,
      );
      log.sentAtMs.push(now());
      log.sent += pieceBytes;
    }
  }

  #acknowledge(stream: ClientHttp2Stream, jobId: string, next: number): void {
    const log = this.#logs.get(jobId);
    if (log === undefined) return;
    for (let end = log.acked + pieceBytes; end <= next; end += pieceBytes) {
      log.ackMs.push(now() - (log.sentAtMs[end / pieceBytes - 1] ?? 0));
    }
    log.acked = Math.max(log.acked, next);
    if (log.acked < this.#orders.logBytes) this.#write(stream, log);
    else this.#finish(stream, log, jobId);
  }

  #finish(stream: ClientHttp2Stream, log: Log, jobId: string): void {
    this.#logs.delete(jobId);
    this.#orders.heard.logged({ fromMs: log.fromMs, toMs: preciseMs(), ackMs: log.ackMs });
    const sha256 = createHash("sha256");
    for (let at = 0; at < log.sent; at += pieceBytes) sha256.update(this.#orders.piece);
    this.#report(stream, log.claim, sha256.digest("hex"));
  }

  #report(stream: ClientHttp2Stream, claim: JobClaim, logSha256: string): void {
    const value = { claim, outcome: JobOutcome.FINISHED, logBytes: BigInt(this.#orders.logBytes), logSha256 };
    this.#say(stream, { case: "jobResult", value });
  }

  #seal(jobId: string): void {
    if (this.#jobs.delete(jobId)) this.#orders.heard.sealed();
  }

  #beatEvery(stream: ClientHttp2Stream, ms: number): void {
    const next = () => {
      this.#askedAt = now();
      const jobs = [...this.#jobs.values()].map(({ claim }) => ({ claim }));
      this.#say(stream, { case: "heartbeat", value: { jobs } });
      this.#beat = setTimeout(next, ms * (0.8 + 0.4 * Math.random()));
    };
    this.#beat = setTimeout(next, ms * Math.random());
  }

  #say(
    stream: ClientHttp2Stream,
    message: NonNullable<MessageInitShape<typeof SessionRequestSchema>["message"]>,
  ): void {
    stream.write(frameOf(SessionRequestSchema, create(SessionRequestSchema, { message })));
  }

  async #register(session: ClientHttp2Session): Promise<string> {
    const asked = create(RegisterRequestSchema, {
      ...this.#identity,
      ...{ name: this.#name, version: "0.1.0", minimumProtocol: 1, maximumProtocol: 1 },
      ...{ os: "linux", arch: "x64", concurrency: 1, sandbox: "none" },
    });
    const forms = { input: RegisterRequestSchema, message: asked, output: RegisterResponseSchema };
    return (await rawUnary(session, { path: `${gateway}/Register`, token: this.#orders.token }, forms)).sessionToken;
  }
}

const lengthDelimited = 2;
/** Numbers of fields in the proto file. */
const fields = { chunk: LogChunkSchema.field.chunk.number, logChunk: SessionRequestSchema.field.logChunk.number };

/** Writes a piece of a log, behind what else its message has, without copying it: this process and the server share the machine. */
function writePiece(stream: ClientHttp2Stream, about: Uint8Array, piece: Buffer): void {
  const inner = new BinaryWriter().raw(about).tag(fields.chunk, lengthDelimited).uint32(piece.length).finish();
  const outer = new BinaryWriter()
    .tag(fields.logChunk, lengthDelimited)
    .uint32(inner.length + piece.length)
    .finish();
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(outer.length + inner.length + piece.length, 1);
  stream.cork();
  stream.write(Buffer.concat([frame, outer, inner]));
  stream.write(piece);
  stream.uncork();
}
