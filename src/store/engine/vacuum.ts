import { existsSync } from "node:fs";
import { chmod, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { inSqliteFile } from "../../lib/fs/sqlite-file.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { integrityOfSqlite, readingSqlite } from "./snapshot.ts";
import { givesBack, keepGivingBack, spaceOf } from "./sqlite-space.ts";

/** What writing a file anew is about. */
export interface VacuumNeed {
  /** How large the file is. */
  readonly bytes: number;
  /** Of these, what holds nothing. */
  readonly freeBytes: number;
  /** False for a file of an older program, which keeps what is free until it is written anew. */
  readonly givesBack: boolean;
  /** What must be free on its disk: the new file lies beside the old one until it takes its place. */
  readonly neededBytes: number;
}

const marginBytes = 2 ** 20;

/** What `vacuumSqlite` would need. Works beside a program that has the file open. */
export const vacuumNeed = (path: string): VacuumNeed =>
  readingSqlite(path, (db) => {
    const { bytes, freeBytes } = spaceOf(db);
    const neededBytes = Math.ceil(1.1 * (bytes - freeBytes)) + marginBytes;
    return { bytes, freeBytes, neededBytes, givesBack: givesBack(db) };
  });

/**
 * Writes a database file anew without what is free in it, as one that gives free pages back from then on. The new file
 * takes the old one's place in one step, so that a crash leaves either. Nobody else may have the file open.
 */
export async function vacuumSqlite(path: string, work: string): Promise<void> {
  try {
    inSqliteFile(path, () => writeAnew(path, work));
    const [problem] = integrityOfSqlite(work);
    if (problem !== undefined) throw broken(path, problem);
    if (existsSync(`${path}-wal`)) throw inUse(path);
    await chmod(work, (await stat(path)).mode & 0o777);
    await flush(work);
    await rename(work, path);
    await flush(dirname(path));
  } finally {
    await rm(work, { force: true });
  }
}

function writeAnew(path: string, work: string): void {
  const db = new Database(path, { fileMustExist: true });
  try {
    keepGivingBack(db); // of a file that is there it changes only what VACUUM writes
    db.prepare("VACUUM INTO ?").run(work);
    // What is in the log of recent writes must not be taken for part of the new file: the last to close removes it.
    db.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}

async function flush(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

const inUse = (path: string) =>
  new WindlassError("storage_unavailable", `another program has ${path} open: end it, then try again`);

const broken = (path: string, problem: string) =>
  new WindlassError("storage_unavailable", `${path} could not be written anew, and stays as it is: ${problem}`);
