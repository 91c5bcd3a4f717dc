import { create } from "@bufbuild/protobuf";
import {
  GoodbyeSchema,
  HelloSchema,
  LogChunkSchema,
  OfferDeclineSchema,
} from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../gen/windlass/agent/v1/job_pb.ts";
import type { Identity } from "./identity.ts";
import type { LogChunkToSend } from "./log-sender.ts";
import type { OutgoingMessage, SessionHost } from "./session-host.ts";

/** Longest reason that may be given, by protocol. */
const maxReason = 1024;

interface Opening {
  readonly identity: Identity;
  readonly host: SessionHost;
  readonly lastSessionEpoch: bigint;
  readonly clusterGeneration: string;
}

/** The first message of a stream. */
export function helloMessage({ identity, host, lastSessionEpoch, clusterGeneration }: Opening): OutgoingMessage {
  const { incarnation, bootId } = identity;
  const jobs = [...host.held()];
  return {
    case: "hello",
    value: create(HelloSchema, { incarnation, bootId, lastSessionEpoch, clusterGeneration, jobs }),
  };
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

export function sizeOf(message: OutgoingMessage): number {
  if (message.case === "logChunk") return controlBytes + message.value.chunk.length;
  return message.case === "jobResult" ? controlBytes + message.value.resourcesInFlight.join().length : controlBytes;
}
