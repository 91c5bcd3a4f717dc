import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { type DirectoryLock, lockDirectory } from "../lib/fs/dir-lock.ts";
import { makeDirectory } from "../lib/fs/make-directory.ts";
import { messageOf } from "../lib/values/errors.ts";
import type { DatabasePlace } from "../store/postgres/settings.ts";
import { type DatabaseSettings, databaseOf, type ServerSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

/** Makes the data directory if it is not there, for its owner alone. */
export async function ensureDataDir(dataDir: string): Promise<void> {
  try {
    await makeDirectory(dataDir);
    await chmod(dataDir, 0o700);
  } catch (error) {
    const why = messageOf(error);
    throw new StartError(2, `the data directory ${dataDir} cannot be used: ${why}. Choose another with --data-dir`);
  }
}

/** Refuses a data directory that is not there: a command that looks at one must not make one. */
export function demandDataDir(dataDir: string): void {
  if (existsSync(dataDir)) return;
  throw new StartError(2, `there is no data directory ${dataDir}: name the server's with --data-dir`);
}

/** Takes the data directory for this process alone. */
export async function lockDataDir(dataDir: string): Promise<DirectoryLock> {
  const outcome = await lockDirectory(dataDir);
  if (outcome.kind === "held") throw new StartError(5, outcome.message);
  return outcome.lock;
}

/** Keeps backups and deletions apart: each holds this while it works. Undefined: the other one does. */
export async function enterMaintenance(dataDir: string): Promise<DirectoryLock | undefined> {
  const outcome = await lockDirectory(maintenanceDir(dataDir));
  return outcome.kind === "held" ? undefined : outcome.lock;
}

/** Room for what a command makes on its way. */
export const maintenanceDir = (dataDir: string): string => join(dataDir, "maintenance");

/** A file that is there while what lies in the data directory is not whole: from the begin of a restore to its end. */
export const restoreMark = (dataDir: string): string => join(dataDir, "restore-unfinished");

/** Refuses to serve what a restore that was cut off has left. */
export function refuseUnfinishedRestore(dataDir: string): void {
  if (!existsSync(restoreMark(dataDir))) return;
  throw new StartError(2, `a restore into ${dataDir} was not finished: run windlassd restore again, with --force`);
}

/** Where rows and logs are. */
export interface StorePlaces {
  readonly store: DatabasePlace;
  readonly logs: DatabasePlace;
}

export function storePlaces(settings: DatabaseSettings, dataDir: string): StorePlaces {
  const database = databaseOf(settings);
  return {
    store: database ?? { url: `sqlite:${rowsFile(dataDir)}` },
    logs: database ?? { url: `sqlite:${logsFile(dataDir)}` },
  };
}

/** Where the objects are, and where uploads wait until their names are known. */
export const blobPlace = (
  settings: DatabaseSettings & Pick<ServerSettings, "blobUrl">,
  dataDir: string,
): DatabasePlace & { readonly spoolDirectory: string } => ({
  ...(settings.blobUrl === undefined
    ? (databaseOf(settings) ?? { url: `files:${blobsDir(dataDir)}` })
    : { url: settings.blobUrl }),
  spoolDirectory: maintenanceDir(dataDir),
});

export const rowsFile = (dataDir: string): string => join(dataDir, "windlass.db");
export const logsFile = (dataDir: string): string => join(dataDir, "logs.db");
export const blobsDir = (dataDir: string): string => join(dataDir, "blobs");
