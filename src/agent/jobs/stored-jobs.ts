import { mkdir, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import { type ClaimKey, claimKey, newClaim } from "../contract/claim.ts";
import { isCopy, placeOf } from "../contract/directory-place.ts";
import { makePrivateDirectory, removeTree } from "../disk/durable-files.ts";
import { type JobFiles, jobFilesAt, makeJobDirectories, readSpec, type StoredSpec, writeSpec } from "./files.ts";
import type { AgentJob } from "./job.ts";
import { Journal, type JournalRecord, readRecords } from "./journal.ts";
import type { KeptJob } from "./kept-jobs.ts";

/** A job as it lies on the disk. */
export interface StoredJob {
  readonly key: ClaimKey;
  readonly stored: StoredSpec;
  readonly journal: Journal;
}

/**
 * Writes a new job below `root`, in place of whatever is there: when this resolves, it survives the end of this process. `secureJob` makes
 * it survive the machine's: until the job is asked for, the control plane gives it away again.
 */
export async function writeNewJob(
  root: string,
  { key, stored }: Omit<StoredJob, "journal">,
  now: () => Date,
): Promise<StoredJob> {
  const files = jobFilesAt(join(root, key));
  await makeFresh(files.root);
  const [journal, place] = await Promise.all([
    Journal.create(files.journal, now),
    placeOf(files.root),
    writeSpec(files, stored),
    makeJobDirectories(files),
  ]);
  await journal.jot({ kind: "offered", place });
  return { key, stored, journal };
}

/** Mostly nothing is there. */
async function makeFresh(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch {
    await removeTree(directory);
    await makePrivateDirectory(directory);
  }
}

/** What earlier processes left below a directory and is not done. */
export interface Left {
  readonly jobs: readonly StoredJob[];
  /** Directories of jobs that are over. */
  readonly kept: readonly KeptJob[];
}

/**
 * Reads what earlier processes left below `root`; what is done, or was never written in whole, is removed: `onRemains`
 * is told where that fails.
 */
export async function readStoredJobs(
  root: string,
  now: () => Date,
  onRemains: (directory: string, error: unknown) => void = () => {},
): Promise<Left> {
  await makePrivateDirectory(root);
  const entries = await readdir(root, { withFileTypes: true });
  const found = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => readStoredJob({ root, name, now, onRemains }));
  const left = await Promise.all(found);
  return {
    jobs: left.flatMap((one) => (one.kind === "unfinished" ? [one.job] : [])),
    kept: left.flatMap((one) => (one.kind === "kept" ? [one.kept] : [])),
  };
}

interface Reading {
  readonly root: string;
  readonly name: string;
  readonly now: () => Date;
  readonly onRemains: (directory: string, error: unknown) => void;
}

type Found =
  | { readonly kind: "unfinished"; readonly job: StoredJob }
  | { readonly kind: "kept"; readonly kept: KeptJob }
  | { readonly kind: "nothing" };

async function readStoredJob({ root, name, now, onRemains }: Reading): Promise<Found> {
  const files = jobFilesAt(join(root, name));
  const stored = await readSpec(files);
  const journal = await Journal.open(files.journal, now);
  const isReadable = isSpecOf(stored, name);
  const isForeign = await isOfAnotherPlace(files, journal);
  const isDone = isOver(journal.records, isReadable && !isForeign);
  if (isForeign && !isDone && !journal.has("kept")) await journal.append({ kind: "kept", reason: foreignReason });
  if (isReadable && !isDone && !journal.has("kept")) return { kind: "unfinished", job: { key: name, stored, journal } };
  try {
    if (!isDone) return await readKept({ files, name, stored: isReadable ? stored : undefined, journal });
    await removeTree(files.root).catch((error: unknown) => onRemains(files.root, error));
    return { kind: "nothing" };
  } finally {
    await journal[Symbol.asyncDispose]();
  }
}

const foreignReason =
  "this directory is a copy of the one in which its job was begun: only the agent there can say how that ended";

/**
 * True for a copy of a directory whose job has not been brought to its end. The job may go on in the first one, so that
 * nothing is said of it here, and nothing done.
 */
async function isOfAnotherPlace(files: JobFiles, journal: Journal): Promise<boolean> {
  const place = journal.last("offered")?.place;
  if (place === undefined || journal.has("result")) return false;
  return isCopy(place, await placeOf(files.root));
}

const isSpecOf = (stored: StoredSpec | undefined, name: ClaimKey): stored is StoredSpec =>
  stored !== undefined && claimKey(stored.job.claim) === name;

/** True for what was given up or delivered, and for what was never written in whole. */
function isOver(records: readonly JournalRecord[], isReadable: boolean): boolean {
  const has = (kind: JournalRecord["kind"]) => records.some((record) => record.kind === kind);
  return has("acknowledged") || (!isReadable && !has("exec"));
}

/** True for the directory of a job that is over, or that was never written in whole; nothing is changed by looking. */
export async function isLeftOver(directory: string): Promise<boolean> {
  const files = jobFilesAt(directory);
  const stored = await readSpec(files);
  return isOver(await readRecords(files.journal), isSpecOf(stored, basename(directory)));
}

interface Directory {
  readonly files: JobFiles;
  readonly name: ClaimKey;
  readonly stored: StoredSpec | undefined;
  readonly journal: Journal;
}

/** A job that was executed and of which nobody can say any more what it was is kept like one that could not be delivered. */
async function readKept({ files, name, stored, journal }: Directory): Promise<Found> {
  const [, jobId, epoch] = /^(.+)-(\d+)$/.exec(name) ?? [];
  if (jobId === undefined || epoch === undefined) return { kind: "nothing" };
  if (!journal.has("kept")) await journal.append({ kind: "kept", reason: "its specification cannot be read any more" });
  const claim = newClaim(jobId, BigInt(epoch));
  return { kind: "kept", kept: keptJobOf({ key: name, claim, files, journal, spec: stored?.job }) };
}

/** A job whose journal says that it is kept; what is given counts where a full disk left no room to say it. */
export function keptJobOf(
  job: Pick<AgentJob, "key" | "claim" | "files" | "journal"> & { readonly spec: JobSpec | undefined },
  given: Pick<KeptJob, "reason" | "keptAt"> = { reason: "", keptAt: new Date(0) },
): KeptJob {
  const { key, claim, files, journal, spec } = job;
  const kept = journal.last("kept");
  const { runId = "", workspace = "", workingDirectory = "" } = spec ?? {};
  const hasState = spec === undefined || journal.has("state_undelivered");
  const { reason, keptAt } = kept === undefined ? given : { reason: kept.reason, keptAt: new Date(kept.at) };
  return { key, claim, files, runId, workspace, workingDirectory, hasState, keptAt, reason };
}
