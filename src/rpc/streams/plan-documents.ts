import { fromBinary } from "@bufbuild/protobuf";
import { CountedPieces } from "../../control/core/sealed-blobs.ts";
import type { ReadUploaded } from "../../control/core/uploads.ts";
import { maxPlanDocumentsBytes, type UploadedDocuments } from "../../control/jobs/plan-documents.ts";
import type { UploadPlanHeader } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { type PlanDocuments, PlanDocumentsSchema } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { UploadIntake } from "./intake.ts";
import type { Announced } from "./receiver.ts";

/** Beside the documents in their message. */
const maxFramingBytes = 64;

export const noDocuments: UploadedDocuments = { planJson: new Uint8Array(), redactedJson: new Uint8Array() };

export const uploadedDocuments = ({ planJson, redactedJson }: PlanDocuments): UploadedDocuments => ({
  planJson,
  redactedJson,
});

/** The documents of a plan whose bytes came in parts. */
export async function documentsInParts(
  { documentsPartsBytes, documentsPartsSha256: sha256 }: UploadPlanHeader,
  { intakeOf, read }: { readonly intakeOf: (part: Announced) => UploadIntake; readonly read: ReadUploaded },
): Promise<UploadedDocuments> {
  const what = "documents of the plan";
  const bytes = intakeOf({ what, announced: documentsPartsBytes, maxBytes: maxPlanDocumentsBytes + maxFramingBytes });
  const pieces = new CountedPieces(read({ what, sha256, bytes: Number(documentsPartsBytes) }));
  for await (const piece of pieces) await bytes.take(piece);
  const actual = pieces.seen.sha256;
  if (actual !== sha256) throw broken(`they have the SHA-256 ${actual}, but ${sha256} was announced`);
  return uploadedDocuments(decoded(bytes.whole()));
}

function decoded(bytes: Uint8Array): PlanDocuments {
  try {
    return fromBinary(PlanDocumentsSchema, bytes, { readUnknownFields: false });
  } catch {
    throw broken("they are no PlanDocuments");
  }
}

const broken = (why: string): WindlassError =>
  new WindlassError("checksum_mismatch", `the documents of the plan cannot be taken: ${why}. Upload them again`);
