import { isWindlassError } from "../../lib/words/errors.ts";
import type { ListedStream } from "../../store/ports/logs.ts";
import type { SealedTable } from "../../store/ports/upkeep.ts";
import type { Control } from "../core/control.ts";
import { storeSealed, storeSealedPieces } from "../core/sealed-blobs.ts";
import { isStreamCurrent, openStream, sealStream } from "../core/sealed-stream.ts";
import { forget } from "../core/uploads.ts";
import { planJsonSubject, redactedPlanSubject } from "../jobs/plan-documents.ts";
import { planFilesSubject } from "../jobs/plan-files.ts";
import { archiveSubject } from "../logs/log-archive.ts";
import { jsonStateSubject } from "../states/json-states.ts";
import { stateSubject } from "../states/states.ts";
import { formerSecretSubject } from "../workspaces/former-secrets.ts";
import { providerTokensSubject } from "../workspaces/provider-tokens.ts";
import { setVariableSubject, workspaceVariableSubject } from "../workspaces/variable-holder.ts";
import { probeKey, sealedProbe } from "./key-probe.ts";

/** What is sealed anew works with the stores, and a vault that opens with the old keys and seals with the new one. */
export type ResealControl = Pick<Control, "store" | "logs" | "blobs" | "vault" | "random" | "log">;

/** What was found while everything sealed was brought under the new key. */
export interface ResealCounts {
  /** Sealed anew just now. */
  readonly resealed: number;
  /** Under the new key before: an earlier attempt got that far. */
  readonly current: number;
  /** Objects that rows name and that are not there: nobody can open them with any key. */
  readonly missing: number;
}

type Outcome = "resealed" | "current" | "missing";

const pageRows = 100;

/**
 * Brings everything that the vault has sealed under its present key. Nobody else may write meanwhile. It can be ended at any
 * point and started again: what is under the new key already is left alone. Throws at the first thing that no key opens.
 */
export async function resealAll(control: ResealControl): Promise<ResealCounts> {
  const counts = { resealed: 0, current: 0, missing: 0 };
  const count = (outcome: Outcome): void => {
    counts[outcome] += 1;
  };
  await resealValues(control, "variables", workspaceVariableSubject, count);
  await resealValues(control, "set_variables", setVariableSubject, count);
  await resealValues(control, "former_secrets", formerSecretSubject, count);
  await resealValues(control, "provider_settings", providerTokensSubject, count);
  await forgetUploads(control);
  await resealPlans(control, count);
  await resealStates(control, count);
  await resealLogs(control, count);
  // Last: it says that all of it is done.
  await control.store.write((tx) => tx.meta.set(probeKey, sealedProbe(control.vault)));
  return counts;
}

async function resealValues(
  { store, vault }: ResealControl,
  table: SealedTable,
  subjectOf: (row: { readonly id: string }) => string,
  count: (outcome: Outcome) => void,
): Promise<void> {
  await eachPage(
    (page) => store.read((q) => q.upkeep.sealedValues(table, page)),
    async (rows) => {
      const old = rows.filter(({ sealedValue }) => !vault.isCurrent(sealedValue));
      const fresh = old.map(({ id, sealedValue }) => {
        const subject = subjectOf({ id });
        return { id, sealedValue: vault.seal(vault.open(sealedValue, subject), subject) };
      });
      await store.write(async (tx) => {
        for (const row of fresh) await tx.upkeep.saveSealedValue(table, row);
      });
      for (const row of rows) count(old.includes(row) ? "resealed" : "current");
    },
  );
}

/** What has come in parts and was not used: who sends it begins again. */
const forgetUploads = (control: ResealControl): Promise<void> =>
  eachPage(
    (page) => control.store.read((q) => q.uploads.begunBefore(endOfTime, page)),
    (rows) => forget(control, rows),
  );

/** No instant that is stored comes after it. */
const endOfTime = new Date("9999-12-31T23:59:59.999Z");

async function resealPlans(control: ResealControl, count: (outcome: Outcome) => void): Promise<void> {
  const { store } = control;
  await eachPage(
    (page) => store.read((q) => q.upkeep.plannedRuns(page)),
    async (rows) => {
      for (const run of rows) {
        const plan = await resealBlob(control, run.planBlobKey, `plan/${run.id}`);
        const summary = await resealBlob(control, run.summaryBlobKey, `plan-summary/${run.id}`);
        const files = await resealStream(control, run.planFilesBlobKey, planFilesSubject(run.id));
        const json = await resealBlob(control, run.planJsonBlobKey, planJsonSubject(run.id));
        const redacted = await resealBlob(control, run.redactedPlanBlobKey, redactedPlanSubject(run.id));
        const all = [plan, summary, files, json, redacted];
        const keys = {
          planBlobKey: plan.key,
          summaryBlobKey: summary.key,
          planFilesBlobKey: files.key,
          planJsonBlobKey: json.key,
          redactedPlanBlobKey: redacted.key,
        };
        if (all.some(({ outcome }) => outcome === "resealed")) {
          await store.write((tx) => tx.runs.save({ ...run, ...keys }));
        }
        await settle(control, all, count);
      }
    },
  );
}

async function resealStates(control: ResealControl, count: (outcome: Outcome) => void): Promise<void> {
  const { store } = control;
  await eachPage(
    (page) => store.read((q) => q.upkeep.states(page)),
    async (rows) => {
      for (const state of rows) {
        const own = await resealBlob(control, state.blobKey, stateSubject(state.id));
        const json = await resealLarge(control, state.jsonBlobKey, jsonStateSubject(state.id));
        const all = [own, json];
        if (all.some(({ outcome }) => outcome === "resealed")) {
          const keys = { blobKey: own.key ?? state.blobKey, jsonBlobKey: json.key };
          await store.write((tx) => tx.states.save({ ...state, ...keys }));
        }
        await settle(control, all, count);
      }
    },
  );
  await eachPage(
    (page) => store.read((q) => q.stateAnnouncements.madeBefore(endOfTime, page)),
    async (rows) => {
      for (const row of rows) {
        const json = await resealLarge(control, row.jsonBlobKey, jsonStateSubject(row.id));
        if (json.outcome === "resealed")
          await store.write((tx) => tx.stateAnnouncements.save({ ...row, jsonBlobKey: json.key }));
        await settle(control, [json], count);
      }
    },
  );
}

async function resealLogs(control: ResealControl, count: (outcome: Outcome) => void): Promise<void> {
  const { logs } = control;
  for (let after: string | null = null; ; ) {
    const streams: readonly ListedStream[] = await logs.list(after, pageRows);
    for (const { name, archive, sha256 } of streams) {
      if (archive === null || sha256 === null) continue;
      const moved = await resealStream(control, archive, archiveSubject(name));
      if (moved.key !== null && moved.outcome === "resealed")
        await logs.archive(name, { key: moved.key, was: archive, sha256 });
      await settle(control, [moved], count);
    }
    if (streams.length < pageRows) return;
    after = streams.at(-1)?.name ?? null;
  }
}

/** Once the rows name the new objects the old ones can go. */
async function settle(
  { blobs }: Pick<ResealControl, "blobs">,
  all: readonly ResealedBlob[],
  count: (outcome: Outcome) => void,
): Promise<void> {
  for (const { old, outcome } of all) {
    if (old !== null) await blobs.delete(old);
    if (outcome !== undefined) count(outcome);
  }
}

interface ResealedBlob {
  /** Where the bytes stand now. */
  readonly key: string | null;
  /** What nothing refers to once the row is saved. */
  readonly old: string | null;
  readonly outcome: Outcome | undefined;
}

async function resealBlob(control: ResealControl, key: string | null, subject: string): Promise<ResealedBlob> {
  if (key === null) return { key, old: null, outcome: undefined };
  const sealed = await bytesOf(control, key);
  if (sealed === undefined) return missing(control, key, subject);
  const { vault } = control;
  if (vault.isCurrent(sealed)) return { key, old: null, outcome: "current" };
  const fresh = await storeSealed(control, vault.open(sealed, subject), subject);
  return { key: fresh, old: key, outcome: "resealed" };
}

/** The same for what is sealed in pieces, which may be too large for the memory. */
async function resealStream(control: ResealControl, key: string | null, subject: string): Promise<ResealedBlob> {
  const { blobs, vault } = control;
  if (key === null) return { key, old: null, outcome: undefined };
  if (!(await blobs.has(key))) return missing(control, key, subject);
  if (await isStreamCurrent(vault, blobs.get(key), subject)) return { key, old: null, outcome: "current" };
  const fresh = sealStream(vault, openStream(vault, blobs.get(key), subject), subject);
  const stored = await blobs.put(fresh, { maxBytes: Number.MAX_SAFE_INTEGER });
  return { key: stored.key, old: key, outcome: "resealed" };
}

/** The same for what may be larger than a state, piece by piece. */
async function resealLarge(control: ResealControl, key: string | null, subject: string): Promise<ResealedBlob> {
  const { blobs, vault } = control;
  if (key === null) return { key, old: null, outcome: undefined };
  if (!(await blobs.has(key))) return missing(control, key, subject);
  if (vault.isCurrent(await headOf(blobs.get(key)))) return { key, old: null, outcome: "current" };
  const plain = vault.openPieces(blobs.get(key), subject);
  const fresh = await storeSealedPieces(control, plain, { subject, maxBytes: Number.MAX_SAFE_INTEGER - 1_000 });
  return { key: fresh, old: key, outcome: "resealed" };
}

async function headOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const piece of pieces) return piece;
  return new Uint8Array();
}

function missing({ log }: ResealControl, key: string, subject: string): ResealedBlob {
  log.warn({ subject }, "an object that a row names is not there: no key can open it");
  return { key, old: null, outcome: "missing" };
}

async function bytesOf({ blobs }: ResealControl, key: string): Promise<Uint8Array | undefined> {
  try {
    return Buffer.concat(await Array.fromAsync(blobs.get(key)));
  } catch (error) {
    if (isWindlassError(error, "not_found")) return undefined;
    throw error;
  }
}

interface Page {
  readonly after: string | null;
  readonly limit: number;
}

async function eachPage<Row extends { readonly id: string }>(
  read: (page: Page) => Promise<readonly Row[]>,
  work: (rows: readonly Row[]) => Promise<void>,
): Promise<void> {
  for (let after: string | null = null; ; ) {
    const rows: readonly Row[] = await read({ after, limit: pageRows });
    await work(rows);
    if (rows.length < pageRows) return;
    after = rows.at(-1)?.id ?? null;
  }
}
