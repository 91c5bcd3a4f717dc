import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type ClaimKey, claimKey } from "./claim.ts";
import { makePrivateDirectory, removeTree, syncDirectory } from "./durable-files.ts";
import { jobFilesAt, makeJobDirectories, readSpec, type StoredSpec, writeSpec } from "./job-files.ts";
import { Journal } from "./journal.ts";

/** How long a directory that could not be delivered is kept. */
const keptMs = 7 * 24 * 3_600_000;

/** A job as it lies on the disk. */
export interface StoredJob {
  readonly key: ClaimKey;
  readonly stored: StoredSpec;
  readonly journal: Journal;
}

/** Writes a new job below `root`: when this resolves, it survives any crash. */
export async function writeNewJob(
  root: string,
  { key, stored }: Omit<StoredJob, "journal">,
  now: () => Date,
): Promise<StoredJob> {
  const files = jobFilesAt(join(root, key));
  await makeJobDirectories(files);
  await writeSpec(files, stored);
  const journal = await Journal.open(files.journal, now);
  await syncDirectory(root);
  await journal.append({ kind: "offered" });
  return { key, stored, journal };
}

/** What earlier processes left below `root` and is not done; what is done, or was never written in whole, is removed. */
export async function readStoredJobs(root: string, now: () => Date): Promise<readonly StoredJob[]> {
  await makePrivateDirectory(root);
  const entries = await readdir(root, { withFileTypes: true });
  const found = entries.filter((entry) => entry.isDirectory()).map(({ name }) => readStoredJob(root, name, now));
  return (await Promise.all(found)).filter((job) => job !== undefined);
}

async function readStoredJob(root: string, name: string, now: () => Date): Promise<StoredJob | undefined> {
  const files = jobFilesAt(join(root, name));
  const stored = await readSpec(files);
  const journal = await Journal.open(files.journal, now);
  const isReadable = stored !== undefined && claimKey(stored.job.claim) === name;
  const keptAt = journal.last("kept")?.at;
  if (isReadable && keptAt === undefined && !journal.has("acknowledged")) return { key: name, stored, journal };
  await journal[Symbol.asyncDispose]();
  const isDone = journal.has("acknowledged") || (!isReadable && !journal.has("exec"));
  if (isDone || (keptAt !== undefined && now().getTime() - Date.parse(keptAt) > keptMs)) await removeTree(files.root);
  return undefined;
}
