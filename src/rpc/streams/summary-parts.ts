import { create, fromBinary } from "@bufbuild/protobuf";
import { CountedPieces } from "../../control/core/sealed-blobs.ts";
import { UploadPlanRequestSchema } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { type PlanSummary, PlanSummarySchema } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { BodyReader } from "../bodies/body-reader.ts";
import { countValues } from "../bodies/wire-scan.ts";
import { demandValid } from "../calls/validation.ts";

/** Of one part, by protocol: as where it comes as a message of its own. */
const maxPartBytes = 1024 * 1024;
const maxPartValues = 20_000;

/**
 * The parts of a summary, each with its length before it, as protobuf delimits messages; each keeps to the rules of one
 * that is sent alone.
 */
export async function* summaryParts(pieces: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<PlanSummary> {
  const counted = new CountedPieces(pieces);
  const reader = new BodyReader(counted);
  while (await reader.holds(1)) {
    const length = await readLength(reader);
    if (length > maxPartBytes) throw broken(`a part of it has ${length} bytes: at most ${maxPartBytes} are accepted`);
    if (!(await reader.holds(length))) throw broken("its last part is cut off");
    yield partOf(reader.take(length));
  }
  const actual = counted.seen.sha256;
  if (actual !== sha256) throw broken(`it has the SHA-256 ${actual}, but ${sha256} was announced`);
}

/** A varint of at most 4 bytes. */
async function readLength(reader: BodyReader): Promise<number> {
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (!(await reader.holds(1))) break;
    const byte = reader.take(1)[0] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
  throw broken("one of its lengths is none");
}

function partOf(bytes: Uint8Array): PlanSummary {
  if (countValues(PlanSummarySchema, bytes, maxPartValues) > maxPartValues)
    throw broken(`a part of it holds more than ${maxPartValues} fields and items`);
  const value = decoded(bytes);
  demandValid(UploadPlanRequestSchema, create(UploadPlanRequestSchema, { part: { case: "summary", value } }));
  return value;
}

function decoded(bytes: Uint8Array): PlanSummary {
  try {
    return fromBinary(PlanSummarySchema, bytes, { readUnknownFields: false });
  } catch {
    throw broken("a part of it is no PlanSummary");
  }
}

const broken = (why: string): WindlassError =>
  new WindlassError("checksum_mismatch", `the summary of the plan cannot be taken: ${why}. Upload it again`);
