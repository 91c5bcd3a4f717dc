import { existsSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createVault, masterKeyId } from "../../control/core/vault.ts";
import { generationKey } from "../../control/people/system.ts";
import { missingBlobs } from "../../control/upkeep/gc-blobs.ts";
import { tryProbe } from "../../control/upkeep/key-probe.ts";
import { fenceDatabase } from "../../control/upkeep/restore.ts";
import { syncDirectory } from "../../lib/fs/durable.ts";
import { makeDirectory } from "../../lib/fs/make-directory.ts";
import { counted } from "../../lib/text/counted.ts";
import { blobFile } from "../../store/blobs/files.ts";
import { integrityOfSqlite } from "../../store/engine/snapshot.ts";
import { openBlobStore, openLogStore, openStore } from "../../store/open.ts";
import type { Store } from "../../store/ports/store.ts";
import type { DatabasePlace } from "../../store/postgres/settings.ts";
import { copyObjects } from "../backup/copy-objects.ts";
import { keyPart, logsPart, type Manifest, type PartName, rowsPart } from "../backup/manifest.ts";
import { readManifest, unpackBackup } from "../backup/unpack.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { blobPlace, ensureDataDir, maintenanceDir, restoreMark, storePlaces } from "../data-dir.ts";
import { takeData } from "../offline.ts";
import { type MasterKeys, writeMasterKeys, writeSecret } from "../secrets.ts";
import { databaseOf, dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { archivedKeys, chooseKeys } from "./restore-keys.ts";

/** Makes a data directory from a backup, and sees to it that nothing that was granted before is granted again. */
export const restoreCommand: ServerCommand = {
  name: "restore",
  usage: "FILE [--force]",
  summary: "make a data directory from a backup",
  about:
    "Restores a backup into an empty data directory, with every hash checked. Runs that had not ended end; their workspaces stay locked until a person decides.",
  examples: [
    "windlassd restore --data-dir /var/lib/windlass windlass.tar.gz",
    "pg_restore -d windlass windlass.pgdump && windlassd restore --database-url postgres://… windlass.tar.gz",
  ],
  flags: [{ name: "force", about: "the directory may hold a server's data: they are moved aside in it" }],
  words: { min: 1, max: 1 },
  heeds: ["masterKey"],
  async run(call) {
    const dataDir = dataDirOf(call.settings, call.environment);
    const file = call.words[0] ?? "";
    if (!existsSync(file)) throw new StartError(2, `there is no file ${file}`);
    const manifest = await readManifest(file);
    const database = databaseOf(call.settings);
    if ((manifest.engine === "postgres") !== (database !== undefined))
      throw new StartError(
        2,
        `${file} is a backup of a server with ${manifest.engine}: ${engineAdvice[manifest.engine]}`,
      );
    if (manifest.objectsIn !== undefined && call.settings.blobUrl === undefined)
      throw new StartError(2, `the objects of this backup are in ${manifest.objectsIn}: name them with --blob-url`);
    await ensureDataDir(dataDir);
    await using _held = await takeData(call);
    const restore: Restore = { call, dataDir, file, manifest, isForced: call.own.force !== undefined };
    if (database === undefined) await restoreSqlite(restore);
    else await restorePostgres(restore, database);
    return 0;
  },
};

const engineAdvice = {
  sqlite: "run this without --database-url",
  postgres: "restore the dump with pg_restore first, then run this with --database-url",
} as const;

interface Restore {
  readonly call: CommandCall;
  readonly dataDir: string;
  readonly file: string;
  readonly manifest: Manifest;
  readonly isForced: boolean;
}

/** What a restore leaves where it is. */
const staying = /^(lock\.(db|pid)(-journal)?|maintenance|server-agent|master\.key|admin-token|before-restore-.*)$/;

async function restoreSqlite(restore: Restore): Promise<void> {
  const { call, dataDir, manifest, isForced } = restore;
  const found = (await readdir(dataDir)).filter((name) => !staying.test(name));
  if (found.length > 0 && !isForced)
    throw new StartError(
      2,
      `${dataDir} is not empty (${found.slice(0, 3).join(", ")}): restore into an empty directory, or give --force, which moves it aside`,
    );
  await using unpacked = await unpack(restore);
  const { work, keys } = unpacked;
  demandIntact(join(work, rowsPart));
  demandIntact(join(work, logsPart));
  const told = await fence(restore, { url: `sqlite:${join(work, rowsPart)}` }, keys);
  await bringObjects(restore, work);
  await writeSecret(restoreMark(dataDir), `${manifest.createdAt.toISOString()}\n`);
  await moveAside(restore, found);
  await place(dataDir, work, keys);
  await rm(restoreMark(dataDir));
  await syncDirectory(dataDir);
  call.say(told);
  await tellOfObjects(restore);
  call.note("windlassd: the API keys are those of the backup; windlassd admin-token --rotate makes a new one\n");
}

interface Unpacked extends AsyncDisposable {
  /** Where the parts lie; gone once this is disposed. */
  readonly work: string;
  readonly keys: MasterKeys;
}

/** Unpacks the archive beside the data, with every hash checked. Nothing else is touched. */
async function unpack(restore: Restore): Promise<Unpacked> {
  const { dataDir, file } = restore;
  const chosen = await chooseKeys(restore);
  const work = join(maintenanceDir(dataDir), "restore");
  const remove = () => rm(work, { recursive: true, force: true });
  await remove();
  await makeDirectory(work);
  try {
    const places = await unpackBackup(file, (part) => placeOf(part, work));
    for (const directory of new Set(places.map(dirname))) await syncDirectory(directory);
    const keys = chosen ?? (await archivedKeys(join(work, keyPart), dataDir));
    return { work, keys, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function placeOf(part: PartName, work: string): string {
  return part.kind === "blob" ? blobFile(join(work, "blobs"), part.key) : join(work, part.file);
}

function demandIntact(path: string): void {
  const [problem] = integrityOfSqlite(path);
  if (problem !== undefined) throw new StartError(1, `the backup holds a broken database: ${problem}`);
}

/** Puts to rest what the backup says is under way; answers what to tell of it. */
async function fence({ call, manifest }: Restore, rows: DatabasePlace, keys: MasterKeys): Promise<string> {
  const { clock, random, log } = call;
  await using store = await openStore({ ...rows, log });
  await demandKey(store, keys, call);
  const { generation, runs, locked, agents } = await fenceDatabase({ store, clock, random }, manifest.createdAt);
  return (
    `restored the backup of ${manifest.createdAt.toISOString()} as generation ${generation}:\n` +
    `  runs that had not ended: ${runs}; they are errored, start them again\n` +
    `  workspaces that such runs keep locked: ${locked}; look at what was applied, then windlass run resolve\n` +
    `  agents that register anew: ${agents}\n`
  );
}

async function demandKey(store: Store, keys: MasterKeys, { random }: CommandCall): Promise<void> {
  const vault = createVault(keys.key, random, keys.older);
  if ((await tryProbe({ store, vault })).kind !== "wrong-key") return;
  throw new StartError(2, `the master key ${masterKeyId(keys.key)} does not open what is in the database`);
}

/** What was there can still be looked at. */
async function moveAside({ call, dataDir }: Restore, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const aside = join(dataDir, `before-restore-${call.clock.now().toISOString().replaceAll(":", "")}`);
  await makeDirectory(aside);
  for (const name of names) {
    if (join(dataDir, name) !== restoreMark(dataDir)) await rename(join(dataDir, name), join(aside, name));
  }
  await syncDirectory(aside);
  call.note(`windlassd: what was there is now in ${aside}\n`);
}

/** The rows come last: without them a start would find nothing to serve. */
async function place(dataDir: string, work: string, keys: MasterKeys): Promise<void> {
  if (keys.file !== undefined) await writeMasterKeys(dataDir, [keys.key, ...keys.older]);
  for (const name of ["blobs", logsPart, rowsPart]) {
    if (existsSync(join(work, name))) await rename(join(work, name), join(dataDir, name));
  }
  await syncDirectory(dataDir);
}

async function restorePostgres(restore: Restore, database: DatabasePlace): Promise<void> {
  const { call, manifest, dataDir } = restore;
  await using unpacked = await unpack(restore);
  const { work, keys } = unpacked;
  await demandSameDatabase(call, database, manifest);
  const told = await fence(restore, database, keys);
  await bringObjects(restore, work);
  if (keys.file !== undefined) await writeMasterKeys(dataDir, [keys.key, ...keys.older]);
  call.say(told);
  await tellOfObjects(restore);
}

/** Objects that the archive holds go to where the server will look for them. */
async function bringObjects({ call: { settings, log }, dataDir }: Restore, work: string): Promise<void> {
  const isMoved = settings.blobUrl === undefined && settings.databaseUrl === undefined;
  if (isMoved || !existsSync(join(work, "blobs"))) return;
  await using from = await openBlobStore({ url: `files:${join(work, "blobs")}`, log });
  await using to = await openBlobStore({ ...blobPlace(settings, dataDir), log });
  await copyObjects(from, to);
  await rm(join(work, "blobs"), { recursive: true });
}

/** What rows name lies elsewhere, and may have been deleted since the backup. */
async function tellOfObjects({ call: { settings, log, note }, dataDir }: Restore): Promise<void> {
  if (settings.blobUrl === undefined) return;
  await using store = await openStore({ ...storePlaces(settings, dataDir).store, log });
  await using blobs = await openBlobStore({ ...blobPlace(settings, dataDir), log });
  await using logs = await openLogStore({ ...storePlaces(settings, dataDir).logs, log });
  const missing = await missingBlobs({ store, logs, blobs });
  if (missing > 0)
    note(
      `windlassd: ${counted(missing, "object")} that the backup names ${missing === 1 ? "is" : "are"} not there: bring older versions back, or do without (docs/objects.md)\n`,
    );
  note(
    "windlassd: the server of the backup may still use the objects: once it is gone for good, start once with --moved-database\n",
  );
}

async function demandSameDatabase(
  { log }: CommandCall,
  database: DatabasePlace,
  { generation }: Manifest,
): Promise<void> {
  await using store = await openStore({ ...database, log });
  const found = await store.read((q) => q.meta.get(generationKey));
  if (found === generation) return;
  throw new StartError(
    2,
    `the database is not that of the backup (generation ${found ?? "none"} instead of ${generation}): run pg_restore first. A database is restored once`,
  );
}
