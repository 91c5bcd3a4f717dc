import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  CloseReason,
  RefusalReason,
  SessionMessage,
  type SessionRequest,
  type SessionResponseSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../../gen/windlass/agent/v1/job_pb.ts";
import { maxToldBytes } from "../jobs/told-inputs.ts";

/** What a session sends. */
export type Outgoing = NonNullable<MessageInitShape<typeof SessionResponseSchema>["message"]>;

/** What a job is given makes a message large: about so many bytes more than others have. */
export function besideOf(message: Outgoing): number {
  if (message.case === "startDecision") return message.value.inputs === undefined ? 0 : maxToldBytes;
  return message.case === "offer" ? (message.value.state?.length ?? 0) : 0;
}

/** What comes from an agent on its stream. */
export type Heard =
  | { readonly kind: "message"; readonly request: SessionRequest }
  | BrokenMessage
  /** Bytes that are no message, or more of them than one may have: nothing comes after them. */
  | { readonly kind: "unreadable"; readonly detail: string };

/** A message that breaks a rule of the proto files. */
export interface BrokenMessage {
  readonly kind: "broken";
  readonly request: SessionRequest;
  /** Its name in docs/agent-protocol.md. */
  readonly rule: string;
  readonly detail: string;
}

export interface Refusal {
  readonly claim: JobClaim | undefined;
  readonly message: SessionMessage;
  readonly reason: RefusalReason;
  readonly rule: string;
  readonly detail: string;
}

/** Says that a message was not taken. */
export const refused = ({ claim, ...refusal }: Refusal): Outgoing => ({
  case: "refused",
  value: { ...refusal, claim },
});

/** The refusal of a message that breaks a rule. */
export const refusalOf = ({ request: { message }, rule, detail }: BrokenMessage): Refusal => ({
  claim: message.value !== undefined && "claim" in message.value ? message.value.claim : undefined,
  message: message.case === undefined ? SessionMessage.UNSPECIFIED : kinds[message.case],
  reason: RefusalReason.INVALID,
  rule,
  detail,
});

/** Says that the stream ends, and why. */
export const closing = (reason: CloseReason, detail: string): Outgoing => ({
  case: "close",
  value: { reason, detail },
});

/** Why a stream ends whose agent does not keep to the protocol. */
export const closeReasons = { protocol: CloseReason.PROTOCOL, flood: CloseReason.FLOOD } as const;

const kinds = {
  // A hello is not refused: it ends the stream.
  hello: SessionMessage.UNSPECIFIED,
  heartbeat: SessionMessage.HEARTBEAT,
  offerDecline: SessionMessage.OFFER_DECLINE,
  startRequest: SessionMessage.START_REQUEST,
  logChunk: SessionMessage.LOG_CHUNK,
  jobResult: SessionMessage.JOB_RESULT,
  goodbye: SessionMessage.GOODBYE,
} as const;
