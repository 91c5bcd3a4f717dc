import {
  type Heartbeat,
  type Hello,
  type JobResult,
  type LogChunk,
  SessionMessage,
  type SessionRequest,
  type StartRequest,
} from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import type { OfferedJob } from "./offered-job.ts";
import type { Plane, Stream } from "./plane.ts";

/** Answers one message of an agent as the contract says, and notes what it should not have been. */
export function hearMessage(plane: Plane, stream: Stream, message: SessionRequest["message"]): void {
  if (message.case === undefined) return;
  const isHello = message.case === "hello";
  if (isHello === stream.isWelcomed && plane.manners.isWelcoming)
    plane.record.fault(isHello ? "hello was said twice on a stream" : `${message.case} came before hello`);
  switch (message.case) {
    case "hello":
      hello(plane, stream, message.value);
      break;
    case "heartbeat":
      heartbeat(plane, message.value);
      break;
    case "startRequest":
      start(plane, message.value);
      break;
    case "logChunk":
      log(plane, stream, message.value);
      break;
    case "jobResult":
      result(plane, stream, message.value);
      break;
    case "goodbye":
      plane.endStream();
      break;
    default:
      break;
  }
}

function hello(plane: Plane, stream: Stream, said: Hello): void {
  const registered = plane.record.registrations.at(-1)?.request;
  if (registered?.incarnation !== said.incarnation || registered.bootId !== said.bootId)
    plane.record.fault("hello has another incarnation or boot_id than the registration");
  if (plane.manners.isWelcoming) plane.welcome(stream, said.jobs);
}

function heartbeat(plane: Plane, { jobs }: Heartbeat): void {
  if (plane.manners.refusedHeartbeats > 0) {
    plane.manners.refusedHeartbeats--;
    plane.refuse(undefined, SessionMessage.HEARTBEAT, "field.bounds");
    return;
  }
  if (plane.manners.isAnswering) plane.reply(jobs);
}

function start(plane: Plane, request: StartRequest): void {
  const job = known(plane, request.claim, "start_request");
  const incarnation = plane.record.registrations.at(-1)?.request.incarnation;
  if (request.incarnation !== incarnation) plane.record.fault("start_request has another incarnation than the agent's");
  if (job === undefined) return;
  const decision = plane.manners.decide(job, request);
  if (decision === "silence") return;
  const granted = decision === "grant";
  job.isGranted ||= granted;
  const answer = granted ? { incarnation: request.incarnation } : { reason: "the claim is over" };
  plane.send({ case: "startDecision", value: { claim: job.claim, granted, ...answer } });
}

/** A job that the plane has offered; anything else should not be spoken of. */
function known(plane: Plane, claim: JobClaim | undefined, kind: string): OfferedJob | undefined {
  const job = plane.jobOf(claim);
  if (job === undefined) plane.record.fault(`${kind} names a claim that was never offered: ${claim?.jobId}`);
  return job;
}

function log(plane: Plane, stream: Stream, { claim, ...chunk }: LogChunk): void {
  const job = known(plane, claim, "log_chunk");
  if (job === undefined) return;
  checkWindow(plane, stream, { job, offset: Number(chunk.offset), length: chunk.chunk.length });
  if (job.isLogClosed) return;
  const manner = plane.manners.takeLog(job, { claim, ...chunk } as LogChunk);
  if (manner === "silence") return;
  if (manner === "refuse") {
    stream.sent.set(job, job.log.length);
    plane.refuse(job, SessionMessage.LOG_CHUNK, "log.chunk");
    return;
  }
  const isGap = Number(chunk.offset) > job.log.length;
  const rewind = isGap || manner === "rewind";
  if (!rewind) append(plane, job, chunk);
  if (manner === "store") return;
  stream.acknowledged.set(job, job.log.length);
  if (rewind) stream.sent.set(job, job.log.length);
  job.isLogClosed = manner === "close";
  const nextOffset = BigInt(job.log.length);
  plane.send({ case: "logAck", value: { claim: job.claim, nextOffset, rewind, closed: job.isLogClosed } });
}

interface Piece {
  readonly job: OfferedJob;
  readonly offset: number;
  readonly length: number;
}

/** The window counts what was sent on this stream and not acknowledged on it, over all jobs. */
function checkWindow(plane: Plane, stream: Stream, { job, offset, length }: Piece): void {
  stream.sent.set(job, Math.max(stream.sent.get(job) ?? 0, offset + length));
  let underway = 0;
  for (const [one, end] of stream.sent) underway += Math.max(0, end - (stream.acknowledged.get(one) ?? 0));
  const { logWindowBytes } = plane.manners;
  if (underway > logWindowBytes)
    plane.record.fault(
      `${underway} bytes of log were sent and not acknowledged: log_window_bytes is ${logWindowBytes}`,
    );
}

/** Bytes that come again must be those that came before. */
function append(plane: Plane, job: OfferedJob, { offset, chunk }: Pick<LogChunk, "offset" | "chunk">): void {
  const at = Number(offset);
  const again = Math.min(chunk.length, job.log.length - at);
  if (!job.log.subarray(at, at + again).equals(chunk.subarray(0, again)))
    plane.record.fault("bytes of a log came again, and were others than before");
  job.log = Buffer.concat([job.log, chunk.subarray(again)]);
}

function result(plane: Plane, stream: Stream, said: JobResult): void {
  const job = known(plane, said.claim, "job_result");
  if (job === undefined) return;
  const manner = plane.manners.takeResult(job, said);
  if (manner === "silence") return;
  if (typeof manner === "object") {
    plane.refuse(job, SessionMessage.JOB_RESULT, manner.rule, manner.reason);
    return;
  }
  const isWhole = job.isLogClosed || said.logLost || job.isWhole(said);
  if (BigInt(job.log.length) === said.logBytes && !isWhole)
    plane.record.fault("log_sha256 of a result is not that of the log's bytes");
  if (manner === "ask-log") job.log = Buffer.alloc(0);
  const sealed = manner === "seal" && isWhole;
  if (!sealed) stream.sent.set(job, job.log.length);
  stream.acknowledged.set(job, job.log.length);
  job.isSealed ||= sealed;
  if (sealed) job.result ??= said;
  plane.send({ case: "resultAck", value: { claim: job.claim, sealed, needLogFrom: BigInt(job.log.length) } });
}
