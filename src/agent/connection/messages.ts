import { create } from "@bufbuild/protobuf";
import {
  GoodbyeSchema,
  HelloSchema,
  type JobResult,
  LogChunkSchema,
  OfferDeclineSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { type JobClaim, JobFeature } from "../../gen/windlass/agent/v1/job_pb.ts";
import { given } from "../../lib/values/records.ts";
import type { Identity } from "../contract/identity.ts";
import type { OutgoingMessage, SessionHost } from "../contract/session-host.ts";
import type { UpdateTalk } from "../contract/update-talk.ts";
import type { LogChunkToSend } from "./log-sender.ts";
import type { StreamLimits } from "./stream-limits.ts";

/** Longest reason that may be given, by protocol. */
const maxReason = 1024;

/** The later options of jobs that this agent obeys. */
const features: readonly JobFeature[] = [
  ...[JobFeature.EXCLUDES, JobFeature.SUPPRESS_FORGET_ERRORS],
  ...[JobFeature.GENERATE_CONFIGURATION, JobFeature.DEBUG],
];

interface Opening {
  readonly identity: Identity;
  readonly host: SessionHost;
  readonly lastSessionEpoch: bigint;
  readonly clusterGeneration: string;
  readonly limits: Pick<StreamLimits, "problem">;
  readonly updates?: UpdateTalk | undefined;
}

/** The first message of a stream. */
export function helloMessage({
  identity,
  host,
  lastSessionEpoch,
  clusterGeneration,
  limits,
  updates,
}: Opening): OutgoingMessage {
  const { incarnation, bootId } = identity;
  const jobs = [...host.held()];
  const engines = host.engines();
  const wayProblem = limits.problem;
  const facts = { incarnation, bootId, lastSessionEpoch, clusterGeneration, jobs, features: [...features], wayProblem };
  return { case: "hello", value: create(HelloSchema, { ...facts, engines, ...given({ update: updates?.report() }) }) };
}

export const chunkMessage = ({ claim, offset, bytes }: LogChunkToSend): OutgoingMessage => ({
  case: "logChunk",
  value: create(LogChunkSchema, { claim, offset: BigInt(offset), chunk: bytes }),
});

export const declineMessage = (claim: JobClaim, reason: string): OutgoingMessage => ({
  case: "offerDecline",
  value: create(OfferDeclineSchema, { claim, reason: reason.slice(0, maxReason) }),
});

export const goodbyeMessage = (reason: string): OutgoingMessage => ({
  case: "goodbye",
  value: create(GoodbyeSchema, { reason: reason.slice(0, maxReason) }),
});

/** What a control message counts for in the queue; only a job's result can be much larger. */
const controlBytes = 256;
const programBytes = 32;

export function sizeOf(message: OutgoingMessage): number {
  if (message.case === "logChunk") return controlBytes + message.value.chunk.length;
  if (message.case === "heartbeat") {
    const { kept, engines } = message.value;
    return controlBytes * (1 + kept.length) + (engines?.programs.length ?? 0) * programBytes;
  }
  return controlBytes + (message.case === "jobResult" ? inFlightCharacters(message.value) : 0);
}

const inFlightCharacters = ({ resourcesInFlight, inFlight, lost }: JobResult): number =>
  lost.reduce((sum, { address, id }) => sum + address.length + id.length, 0) +
  resourcesInFlight.join().length +
  inFlight.reduce(
    (sum, { address, action, idKey, id }) => sum + address.length + action.length + idKey.length + id.length,
    0,
  );
