import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { writeDurably } from "../../lib/fs/durable.ts";

const badShape = z.object({ version: z.string(), until: z.iso.datetime(), why: z.string(), strikes: z.int() });

const recordShape = z.object({
  /** Of the newest manifest that was ever trusted. */
  sequence: z.int().default(0),
  /** That manifests have announced, in the place of those of the program. */
  keys: z.array(z.string()).default([]),
  bad: z.array(badShape).default([]),
});

/** What an agent remembers of updates from one start to the next. */
export type UpdateRecord = Readonly<z.infer<typeof recordShape>>;
export type BadVersion = Readonly<z.infer<typeof badShape>>;

const emptyRecord: UpdateRecord = { sequence: 0, keys: [], bad: [] };
/** A file that cannot be read may have had any sequence: nothing is trusted until somebody looks. */
const lostRecord: UpdateRecord = { ...emptyRecord, sequence: Number.MAX_SAFE_INTEGER };

const fileIn = (dataDir: string): string => join(dataDir, "update.json");

/** Empty if there is none. */
export async function readUpdateRecord(dataDir: string): Promise<UpdateRecord> {
  const text = await readFile(fileIn(dataDir), "utf8").catch(() => undefined);
  if (text === undefined) return emptyRecord;
  try {
    return recordShape.parse(JSON.parse(text));
  } catch {
    return lostRecord;
  }
}

export const writeUpdateRecord = (dataDir: string, record: UpdateRecord): Promise<void> =>
  writeDurably(fileIn(dataDir), `${JSON.stringify(record, undefined, 2)}\n`);

/** Why a version is not tried now; undefined if it may be. */
export const badVersionNow = ({ bad }: UpdateRecord, version: string, now: Date): BadVersion | undefined =>
  bad.find((entry) => entry.version === version && new Date(entry.until) > now);

const longMs = 24 * 3_600_000;
/** After a failure that may have been the server's: it counts in full when it comes again. */
const shortMs = 15 * 60_000;

/** The record with a version that has failed. */
export function withBadVersion(
  record: UpdateRecord,
  { version, why, isDoubtful }: { readonly version: string; readonly why: string; readonly isDoubtful: boolean },
  now: Date,
): UpdateRecord {
  const strikes = (record.bad.find((entry) => entry.version === version)?.strikes ?? 0) + 1;
  const forMs = isDoubtful && strikes < 2 ? shortMs : longMs;
  const entry = { version, why, strikes, until: new Date(now.getTime() + forMs).toISOString() };
  return { ...record, bad: [...record.bad.filter((other) => other.version !== version), entry].slice(-maxBad) };
}

const maxBad = 32;
