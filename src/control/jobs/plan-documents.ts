import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Principal } from "../../domain/people/principal.ts";
import type { Run } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { readSealed, storeSealed } from "../core/sealed-blobs.ts";
import { runWithSummary } from "../runs/plan.ts";

/** Most bytes of the documents of one plan, packed: some 200 MiB of JSON. */
export const maxPlanDocumentsBytes = 16 * 1024 * 1024;
/** Where reading one ends: bytes that unpack to more were never JSON of a plan. */
const maxUnpackedBytes = 1024 * 1024 * 1024;

/** What an agent uploads of a plan beside its summary: JSON, packed with gzip; empty if there is none. */
export interface UploadedDocuments {
  readonly planJson: Uint8Array;
  readonly redactedJson: Uint8Array;
}

export const planJsonSubject = (id: Run["id"]): string => `plan-json/${id}`;
export const redactedPlanSubject = (id: Run["id"]): string => `redacted-plan/${id}`;

/** Encrypts and stores them; answers what a run's row tells of them. */
export async function storePlanDocuments(
  control: Pick<Control, "blobs" | "vault">,
  id: Run["id"],
  { planJson, redactedJson }: UploadedDocuments,
): Promise<Pick<Run, "planJsonBlobKey" | "redactedPlanBlobKey">> {
  const store = async (bytes: Uint8Array, subject: string) =>
    bytes.length === 0 ? null : storeSealed(control, bytes, subject);
  const [planJsonBlobKey, redactedPlanBlobKey] = await Promise.all([
    store(planJson, planJsonSubject(id)),
    store(redactedJson, redactedPlanSubject(id)),
  ]);
  return { planJsonBlobKey, redactedPlanBlobKey };
}

/** The plan of a run as `terraform show -json` prints it. It may hold secrets, as a state does: looking alone is not enough. */
export async function readPlanJson(
  control: Control,
  who: Principal,
  runId: string,
): Promise<AsyncIterable<Uint8Array>> {
  const person = asPerson(who);
  demand(person, "plan");
  const run = await runWithSummary(control, person, runId);
  return unpacked(control, run, { key: run.planJsonBlobKey, subject: planJsonSubject(run.id) });
}

/**
 * The plan of a run as terraform's own client reads the plan of a remote run, as its agent has masked it. Only runs have one
 * that are saved plans, or that generate configuration.
 */
export async function readRedactedPlan(
  control: Control,
  who: Principal,
  runId: string,
): Promise<AsyncIterable<Uint8Array>> {
  const person = asPerson(who);
  demand(person, "read");
  const run = await control.store.read((q) => findRun(q, person, runId));
  return unpacked(control, run, { key: run.redactedPlanBlobKey, subject: redactedPlanSubject(run.id) });
}

/** Whether the plan has brought configuration for what it imports, or may have: it stands in the redacted plan. */
export const hasGeneratedConfiguration = ({ options, redactedPlanBlobKey }: Run): boolean =>
  options.generatesConfiguration === true && redactedPlanBlobKey !== null;

function unpacked(
  control: Control,
  { id }: Run,
  { key, subject }: { readonly key: string | null; readonly subject: string },
): AsyncIterable<Uint8Array> {
  if (key !== null) return gunzipped(readSealed(control, key, subject), id);
  throw new WindlassError("not_found", `the plan of run ${id} is not here as this document`, {
    metadata: { resource: "plan document", name: id },
  });
}

async function* gunzipped(packed: AsyncIterable<Uint8Array>, id: Run["id"]): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const whole = pipeline(Readable.from(packed, { objectMode: false }), gunzip);
  // The reader of `gunzip` hears of it.
  whole.catch(() => {});
  let bytes = 0;
  for await (const piece of gunzip) {
    bytes += piece.length;
    if (bytes > maxUnpackedBytes) throw new WindlassError("internal", `the plan document of run ${id} has no end`);
    yield piece;
  }
}
