import type { Limits } from "../../control/core/control.ts";
import { refuseTooLarge } from "../../control/core/refusals.ts";
import type { ReadUploaded } from "../../control/core/uploads.ts";
import type { UploadedPlan, UploadedSummary } from "../../control/jobs/artifacts.ts";
import { engineOf } from "../../control/jobs/engine.ts";
import type { UploadedFiles } from "../../control/jobs/plan-files.ts";
import type { UploadPlanHeader, UploadPlanRequest } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { headerFirst, passing, type UploadIntake } from "./intake.ts";
import { documentsInParts, noDocuments, uploadedDocuments } from "./plan-documents.ts";
import type { Announced } from "./receiver.ts";
import { SummaryIntake } from "./summary-intake.ts";
import { summaryParts } from "./summary-parts.ts";

type PlanLimits = Pick<Limits, "maxPlanBytes" | "maxPlanFilesBytes">;

/** Where a plan goes: how large it may be, and memory for what is collected. */
export interface PlanReceiver {
  readonly limits: PlanLimits;
  readonly intakeOf: (part: Announced) => UploadIntake;
  /** Gives what came in parts. */
  readonly read: ReadUploaded;
  /** Whether this plan, with these files, is stored already; or its summary, if that alone comes. */
  readonly isKnown: (plan: Pick<UploadPlanHeader, "planSha256" | "filesSha256" | "summaryOnly">) => Promise<boolean>;
}

/** Where a plan is stored, and the summary of one that is stored already. */
export interface PlanStore {
  readonly plan: (plan: UploadedPlan) => Promise<void>;
  readonly summary: (summary: UploadedSummary) => Promise<void>;
}

/** Parts come in this order. */
const order = "its header, the plan's bytes, its summary, its documents, the bytes of its files";

/**
 * Collects the plan and its summary in memory; the files that follow are read by `store` itself, piece by piece to
 * their end.
 */
export async function takePlanUpload(
  receiver: PlanReceiver,
  requests: AsyncIterable<UploadPlanRequest>,
  store: PlanStore,
): Promise<void> {
  const parts = requests[Symbol.asyncIterator]();
  try {
    const header = await readHeader(parts, receiver.limits);
    const plan = await readPlan(receiver, header, parts);
    if (plan === undefined) return;
    if (header.summaryOnly) await store.summary(plan);
    else await store.plan(header.summaryFollows ? { ...plan, summary: undefined } : plan);
  } finally {
    await parts.return?.();
  }
}

/** Undefined for what came in parts and is stored already: its parts are gone. */
async function readPlan(
  { limits, intakeOf, read, isKnown }: PlanReceiver,
  header: UploadPlanHeader,
  parts: AsyncIterator<UploadPlanRequest>,
): Promise<(UploadedPlan & UploadedSummary) | undefined> {
  const { planInParts, planSha256, summaryPartsBytes, documentsPartsBytes } = header;
  const isInParts = planInParts || header.filesInParts || summaryPartsBytes > 0n || documentsPartsBytes > 0n;
  if (isInParts && (await isKnown(header))) return undefined;
  const { maxPlanBytes: maxBytes } = limits;
  const plan = intakeOf({ what: "plan", announced: header.planSizeBytes, maxBytes });
  const summary = new SummaryIntake(intakeOf, header.engineVersion);
  let next = await nextPart(parts);
  if (planInParts) {
    const object = { what: "plan", sha256: planSha256, bytes: Number(header.planSizeBytes) };
    for await (const piece of read(object)) await plan.take(piece);
  } else for (; next?.case === "planChunk"; next = await nextPart(parts)) await plan.take(next.value);
  if (summaryPartsBytes > 0n) for await (const part of summaryOf(header, read)) await summary.take(part);
  else for (; next?.case === "summary"; next = await nextPart(parts)) await summary.take(next.value);
  let documents = documentsPartsBytes > 0n ? await documentsInParts(header, { intakeOf, read }) : noDocuments;
  if (next?.case === "documents" && documentsPartsBytes === 0n) {
    documents = uploadedDocuments(next.value);
    next = await nextPart(parts);
  }
  if (next !== undefined && next.case !== "filesChunk") throw outOfOrder(next);
  const files = header.filesInParts ? filesOf(header, read(archiveOf(header))) : filesOf(header, restOf(next, parts));
  if ((files === undefined || header.filesInParts) && next !== undefined) throw unannounced();
  const { engine, engineVersion, lockFile } = header;
  const origin = { engine: engineOf(engine), engineVersion, lockFile };
  return { plan: plan.whole(), planSha256, summary: await summary.whole(), documents, files, ...origin };
}

const archiveOf = ({ filesSizeBytes, filesSha256 }: UploadPlanHeader) => ({
  what: "files of the plan",
  sha256: filesSha256,
  bytes: Number(filesSizeBytes),
});

const summaryOf = ({ summaryPartsBytes, summaryPartsSha256: sha256 }: UploadPlanHeader, read: ReadUploaded) =>
  summaryParts(read({ what: "plan summary", sha256, bytes: Number(summaryPartsBytes) }), sha256);

async function readHeader(parts: AsyncIterator<UploadPlanRequest>, limits: PlanLimits): Promise<UploadPlanHeader> {
  const first = await nextPart(parts);
  if (first?.case !== "header") throw headerFirst();
  refuseTooLarge("archive of the plan's files", first.value.filesSizeBytes, limits.maxPlanFilesBytes);
  const { summaryOnly, summaryFollows, planSizeBytes, filesSizeBytes } = first.value;
  if (summaryOnly && (summaryFollows || planSizeBytes + filesSizeBytes > 0n)) throw moreThanSummary();
  return first.value;
}

type Part = UploadPlanRequest["part"];

async function nextPart(parts: AsyncIterator<UploadPlanRequest>): Promise<Part | undefined> {
  const { done, value } = await parts.next();
  return done === true ? undefined : value.part;
}

function outOfOrder({ case: part }: Part): WindlassError {
  if (part === "header") return headerFirst();
  const message = `a plan is uploaded in this order: ${order}. Something of its ${part === "summary" ? "summary" : "bytes"} came too late`;
  return new WindlassError("validation", message, { fields: [{ field: "part", description: `expected ${order}` }] });
}

const moreThanSummary = (): WindlassError =>
  new WindlassError(
    "validation",
    "an upload with summary_only holds a summary and documents alone: nothing else may be announced",
    {
      fields: [{ field: "header.summary_only", description: "expected no plan, no files and no summary_follows" }],
    },
  );

const unannounced = (): WindlassError =>
  new WindlassError("checksum_mismatch", "files of the plan came, and none were announced: upload it again");

/** The files' pieces, and nothing else, to the end of the upload. */
async function* restOf(first: Part | undefined, parts: AsyncIterator<UploadPlanRequest>): AsyncGenerator<Uint8Array> {
  for (let next = first; next !== undefined; next = await nextPart(parts)) {
    if (next.case !== "filesChunk") throw outOfOrder(next);
    yield next.value;
  }
}

function filesOf(
  { filesSizeBytes, filesSha256 }: UploadPlanHeader,
  pieces: AsyncIterable<Uint8Array>,
): UploadedFiles | undefined {
  if (filesSizeBytes === 0n) return undefined;
  const sizeBytes = Number(filesSizeBytes);
  const bytes = passing({ what: "files of the plan", announced: sizeBytes }, pieces);
  return { sizeBytes, sha256: filesSha256, bytes };
}
