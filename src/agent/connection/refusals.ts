import { create } from "@bufbuild/protobuf";
import {
  RefusalReason,
  type Refused,
  SessionMessage,
  StartRequestSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { Log } from "../../lib/program/log.ts";
import { claimKey } from "../contract/claim.ts";
import type { OutgoingMessage, SessionHost } from "../contract/session-host.ts";
import { declineMessage } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

export interface RefusalMeans {
  readonly host: SessionHost;
  readonly speaker: Outbox;
  readonly incarnation: string;
  readonly send: (message: OutgoingMessage) => void;
  /** Sends a heartbeat that has nothing in it but what keeps leases; false if they all are so already. */
  readonly beatPlainly: () => boolean;
  readonly log: Log;
}

/** A refused message is never sent again as it was: what follows keeps to the rules, or gives the matter up. */
export function answerRefusal({ claim, message, reason, rule, detail }: Refused, means: RefusalMeans): void {
  const { host, speaker, incarnation, send, beatPlainly, log } = means;
  const key = claimKey(claim);
  const fields = { message, rule, detail, job: key };
  log.error(fields, "the server refused a message of this agent");
  if (message === SessionMessage.HEARTBEAT) {
    if (!beatPlainly())
      log.error({ rule, detail }, "the server refuses every heartbeat: leases of this agent will end");
    return;
  }
  if (claim === undefined || key === undefined) return;
  if (reason === RefusalReason.NOT_GRANTED) {
    send({ case: "startRequest", value: create(StartRequestSchema, { claim, incarnation }) });
  } else if (message === SessionMessage.OFFER_DECLINE) send(declineMessage(claim, ""));
  // The result comes again with the next heartbeat.
  else if (reason === RefusalReason.STATE_MISSING) host.lacksState(key);
  else {
    host.refused(key, message, detail);
    if (message === SessionMessage.START_REQUEST) send(declineMessage(claim, "its start request was refused"));
    // A result that was said behind its log says now that the rest of that does not come.
    if (message === SessionMessage.JOB_RESULT || message === SessionMessage.LOG_CHUNK) speaker.repeatOf(key);
  }
}
