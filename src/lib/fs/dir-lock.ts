import { chmodSync, closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
// Node's own SQLite and not the store's: the agent, which keeps no rows, needs no program of another kind beside it.
// biome-ignore lint/correctness/noUnresolvedImports: the linter does not know this module of Node
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../values/errors.ts";
import { makeDirectory } from "./make-directory.ts";

/** Proof that this process alone uses a directory, until it is released or the process ends. */
export interface DirectoryLock extends Disposable {
  release(): void;
}

export type LockOutcome =
  | { readonly kind: "locked"; readonly lock: DirectoryLock }
  /** `byPid` is what the holder wrote; undefined when that could not be read. */
  | { readonly kind: "held"; readonly byPid: number | undefined; readonly message: string };

/**
 * Locks a directory (made with mode 0700 if absent) for one process. The lock is the kernel's, on `<dir>/lock.db`, so
 * it vanishes with the process however that ends; a second lock by the same process is refused as well. Local file
 * systems only: locks on network file systems are not to be trusted.
 */
export async function lockDirectory(dir: string): Promise<LockOutcome> {
  await makeDirectory(dir);
  const names = ["lock.db", "lock.pid"].map((name) => join(dir, name));
  for (const path of names) makePrivateFile(path);
  const db = lockedDatabase(join(dir, "lock.db"));
  if (db === undefined) return held(dir);
  // Beside the database and not in it: nobody else can read a file that is locked exclusively.
  writeFileSync(join(dir, "lock.pid"), `${process.pid}\n`);
  const release = () => {
    if (db.isOpen) db.close();
  };
  return { kind: "locked", lock: { release, [Symbol.dispose]: release } };
}

/** Undefined if another one holds it. */
function lockedDatabase(path: string): DatabaseSync | undefined {
  const db = new DatabaseSync(path, { open: false, timeout: 0 });
  try {
    db.open();
    db.exec("PRAGMA journal_mode = MEMORY");
    db.exec("BEGIN EXCLUSIVE");
    return db;
  } catch (error) {
    if (db.isOpen) db.close();
    if (isBusy(error)) return undefined;
    // SQLite's own words are `file is not a database`.
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Whatever the umask, and whatever an older version made. One that is there is not opened: closing it again would give
 * up a lock that this process has on it.
 */
function makePrivateFile(path: string): void {
  try {
    if (existsSync(path)) chmodSync(path, 0o600);
    else closeSync(openSync(path, "wx", 0o600));
  } catch {
    // Somebody else's, or made just now: whether it can be locked is seen next.
  }
}

/** SQLITE_BUSY and SQLITE_LOCKED; the rest of an extended code says how. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && [5, 6].includes(Number(error.errcode) & 0xff);

function held(dir: string): LockOutcome {
  const byPid = readPid(join(dir, "lock.pid"));
  const holder = byPid === undefined ? "another process" : `process ${byPid}`;
  const message = `${dir} is in use by ${holder}: stop it, or choose another directory`;
  return { kind: "held", byPid, message };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}
