import type { ReadUploaded } from "../../control/core/uploads.ts";
import { knownState, storeState } from "../../control/jobs/states.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { UploadStateHeader, UploadStateRequest } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { headerFirst, type UploadIntake } from "./intake.ts";
import { intakeOf, type Receiver } from "./receiver.ts";

/** Takes a state that an apply has written: its bytes follow the header, or came in parts before. */
export async function takeStateUpload(
  receiver: Receiver,
  requests: AsyncIterable<UploadStateRequest>,
  read: ReadUploaded,
): Promise<StateVersion> {
  const { control, context } = receiver;
  const who = callerOf(context);
  const collected = await collect(receiver, requests);
  const { header, state } = collected;
  const { lineage, sha256, isLast: isFinal } = header;
  const numbers = { serial: Number(header.serial), sequence: Number(header.sequence) };
  if (header.inParts) {
    const known = await knownState(control, who, { sha256, isFinal, sequence: numbers.sequence });
    if (known !== undefined) return known;
    const object = { what: "state", sha256, bytes: Number(header.sizeBytes) };
    for await (const piece of read(object)) await state.take(piece);
  }
  const asideReason = header.asideReason === "" ? undefined : header.asideReason;
  return storeState(control, who, { bytes: state.whole(), lineage, sha256, isFinal, asideReason, ...numbers });
}

interface Collected {
  readonly header: UploadStateHeader;
  readonly state: UploadIntake;
}

async function collect(receiver: Receiver, requests: AsyncIterable<UploadStateRequest>): Promise<Collected> {
  const { maxStateBytes } = receiver.control.limits;
  let open: Collected | undefined;
  for await (const { part } of requests) {
    if (part.case === "header") {
      if (open !== undefined) throw headerFirst();
      open = {
        header: part.value,
        state: intakeOf(receiver, { what: "state", announced: part.value.sizeBytes, maxBytes: maxStateBytes }),
      };
    } else if (open === undefined) throw headerFirst();
    else if (part.case === "chunk") await open.state.take(part.value);
  }
  if (open === undefined) throw headerFirst();
  return open;
}
