import { existsSync } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { masterKeyId } from "../../control/core/vault.ts";
import { generationKey } from "../../control/people/system.ts";
import { syncDirectory } from "../../lib/fs/durable.ts";
import { makeDirectory } from "../../lib/fs/make-directory.ts";
import { readDatabaseUrl } from "../../lib/net/database-url.ts";
import { version } from "../../lib/program/version.ts";
import { counted } from "../../lib/text/counted.ts";
import { copySqlite, snapshotFacts } from "../../store/engine/snapshot.ts";
import { openBlobStore, openStore, schemaState } from "../../store/open.ts";
import type { DatabasePlace } from "../../store/postgres/settings.ts";
import {
  backupFormat,
  blobPart,
  keyPart,
  logsPart,
  type Manifest,
  manifestName,
  rowsPart,
} from "../backup/manifest.ts";
import { fileParts, type PartSource, textPart, writeArchive } from "../backup/pack.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { blobPlace, demandDataDir, enterMaintenance, logsFile, maintenanceDir, rowsFile } from "../data-dir.ts";
import { keyText, type MasterKeys, readMasterKeys } from "../secrets.ts";
import { databaseOf, dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";

/** The archive does not hold everything: the database has to be dumped with its own program. */
const dumpNeeded = 3;
/** How long a backup waits for deletions to end. */
const patienceMs = 120_000;
const pauseMs = 500;

/** Writes everything that a server knows into one file, also while it runs. */
export const backupCommand: ServerCommand = {
  name: "backup",
  usage: "FILE|- [--with-key] [--with-objects]",
  summary: "write everything into one file, while the server runs",
  about:
    "Writes database, logs and objects into one tar.gz, also while the server runs. Objects of --blob-url stay where they are unless --with-objects says otherwise. Exit code 3: with PostgreSQL, run the pg_dump that is printed as well.",
  examples: [
    "windlassd backup --data-dir /var/lib/windlass windlass-$(date +%F).tar.gz",
    "windlassd backup - | ssh backup 'cat > windlass.tar.gz'",
  ],
  flags: [
    { name: "with-key", about: "put the master key into it: then the file opens every secret, keep it accordingly" },
    { name: "with-objects", about: "put the objects of --blob-url into it, too" },
  ],
  words: { min: 1, max: 1 },
  heeds: ["masterKey"],
  async run(call) {
    const { settings, environment, own, words } = call;
    const dataDir = dataDirOf(settings, environment);
    demandDataDir(dataDir);
    const keys = await readMasterKeys(dataDir, settings.masterKey);
    if (keys === undefined)
      throw new StartError(2, `there is no master key in ${dataDir}: nothing was started there yet`);
    const isWithObjects = own["with-objects"] !== undefined;
    if (isWithObjects && settings.blobUrl === undefined)
      throw new StartError(
        2,
        "--with-objects is for --blob-url: other objects are in the backup, or in the dump, anyway",
      );
    const job = {
      ...{ call, dataDir, keys, target: words[0] ?? "-" },
      ...{ isWithKey: own["with-key"] !== undefined, isWithObjects },
    };
    const database = databaseOf(settings);
    if (database !== undefined) return backUpPostgres(job, database);
    await backUpSqlite(job);
    return 0;
  },
};

interface Backup {
  readonly call: CommandCall;
  readonly dataDir: string;
  readonly keys: MasterKeys;
  /** A path, or `-` for standard output. */
  readonly target: string;
  readonly isWithKey: boolean;
  /** Those of `--blob-url`. */
  readonly isWithObjects: boolean;
}

type Facts = Pick<Manifest, "engine" | "schemaVersion" | "generation">;

async function backUpSqlite(backup: Backup): Promise<void> {
  const { dataDir, call } = backup;
  if (!existsSync(rowsFile(dataDir))) throw new StartError(2, `there is no database in ${dataDir}: nothing to back up`);
  using _held = await maintenance(dataDir, call);
  const work = join(maintenanceDir(dataDir), `backup-${call.random.uuid()}`);
  await makeDirectory(work);
  try {
    const createdAt = call.clock.now();
    // Rows first: logs and objects only grow, so that whatever a row names is there when they are copied after it.
    await copySqlite(rowsFile(dataDir), join(work, rowsPart));
    const { schemaVersion, meta } = snapshotFacts(join(work, rowsPart));
    await copySqlite(logsFile(dataDir), join(work, logsPart));
    const parts = [
      ...(await fileParts(rowsPart, join(work, rowsPart))),
      ...(await fileParts(logsPart, join(work, logsPart))),
      ...(await objectParts(backup)),
    ];
    const facts: Facts = { engine: "sqlite", schemaVersion, generation: meta[generationKey] ?? "" };
    await write(backup, facts, parts, createdAt);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Nothing deletes objects meanwhile: whoever does holds the same lock. */
async function maintenance(dataDir: string, { clock, note }: CommandCall): Promise<Disposable> {
  const deadlineMs = clock.monotonicMs() + patienceMs;
  for (let isTold = false; ; isTold = true) {
    const held = await enterMaintenance(dataDir);
    if (held !== undefined) {
      await removeLeftovers(dataDir);
      return held;
    }
    if (clock.monotonicMs() > deadlineMs)
      throw new StartError(5, `another backup, or a deletion, is under way in ${dataDir}: try again later`);
    if (!isTold) note("windlassd: another backup, or a deletion, is under way: waiting for it\n");
    await clock.sleep(pauseMs);
  }
}

/** What a backup that was cut off has left. */
async function removeLeftovers(dataDir: string): Promise<void> {
  for (const name of await readdir(maintenanceDir(dataDir))) {
    if (name.startsWith("backup-")) await rm(join(maintenanceDir(dataDir), name), { recursive: true, force: true });
  }
}

/** Those that no dump of the database holds, and that are not left where they are. */
async function objectParts({ call: { settings }, dataDir, isWithObjects }: Backup): Promise<readonly PartSource[]> {
  if (settings.blobUrl === undefined ? settings.databaseUrl !== undefined : !isWithObjects) return [];
  const blobs = await openBlobStore({ ...blobPlace(settings, dataDir), isShared: true });
  const parts: PartSource[] = [];
  for await (const { key, bytes } of blobs.list()) {
    parts.push({ name: blobPart(key), bytes, sha256: key, read: () => blobs.get(key) });
  }
  return parts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function backUpPostgres(backup: Backup, database: DatabasePlace): Promise<number> {
  const { call } = backup;
  const createdAt = call.clock.now();
  const { applied } = await schemaState(database);
  const generation = await generationOf(call, database);
  // Objects are listed once the database was dumped, so that what a row names is there; here that is for the operator to see to.
  using _held = backup.isWithObjects ? await maintenance(backup.dataDir, call) : undefined;
  const parts = await objectParts(backup);
  await write(backup, { engine: "postgres", schemaVersion: applied, generation }, parts, createdAt);
  const inside = backup.isWithObjects ? "the objects and the key's id" : "only the key's id";
  const outside = call.settings.blobUrl === undefined ? "Rows, logs and objects" : "Rows and logs";
  call.note(
    `windlassd: the file holds ${inside}${backup.isWithKey ? " and the key" : ""}. ${outside} lie in PostgreSQL: dump them as well${backup.isWithObjects ? ", best before this" : ""}, with\n` +
      `  pg_dump --format=custom --file=windlass.pgdump ${dumpTarget(database.url)}\n`,
  );
  return dumpNeeded;
}

async function generationOf({ log }: CommandCall, database: DatabasePlace): Promise<string> {
  await using store = await openStore({ ...database, log, migrate: "off" });
  return (await store.read((q) => q.meta.get(generationKey))) ?? "";
}

/** The database for a command line: one with a password stays in the variable that it belongs into. */
function dumpTarget(url: string): string {
  const read = readDatabaseUrl(url);
  const isSecret = read.kind !== "address" || (read.address.password ?? read.address.tls.keyPassword) !== undefined;
  return isSecret ? '"$WINDLASS_DATABASE_URL"    # the same URL as --database-url' : `'${url}'`;
}

async function write(backup: Backup, facts: Facts, parts: readonly PartSource[], createdAt: Date): Promise<void> {
  const { keys, isWithKey, isWithObjects, target, call } = backup;
  const { blobUrl } = call.settings;
  const objectsIn = isWithObjects ? undefined : blobUrl?.replace(/\?.*/, "");
  const all = isWithKey ? [textPart(keyPart, keyText(keys)), ...parts] : parts;
  const manifest = {
    format: backupFormat,
    version,
    ...facts,
    createdAt: createdAt.toISOString(),
    masterKeyId: masterKeyId(keys.key),
    hasMasterKey: isWithKey,
    ...(objectsIn === undefined ? {} : { objectsIn }),
    parts: all.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
  };
  const archive = [textPart(manifestName, `${JSON.stringify(manifest, undefined, 1)}\n`), ...all];
  if (target === "-") await writeArchive(archive, process.stdout);
  else await writeFile(archive, resolve(target), call);
  const bytes = all.reduce((sum, part) => sum + part.bytes, 0);
  const key = isWithKey ? "with" : "without";
  call.note(
    `windlassd: backed up ${counted(all.length, "file")} of ${bytes} bytes, ${key} the master key ${manifest.masterKeyId}\n`,
  );
  if (objectsIn !== undefined)
    call.note(`windlassd: the objects stay in ${objectsIn}: the backup needs them (docs/objects.md)\n`);
}

/** As a whole or not at all: under another name first, durably, then in the place of what may be there. */
async function writeFile(archive: readonly PartSource[], path: string, { random }: CommandCall): Promise<void> {
  const unfinished = `${path}.${random.uuid()}.part`;
  try {
    const file = await open(unfinished, "wx", 0o600).catch((error: Error) => {
      throw new StartError(2, `${path} cannot be written: ${error.message}`);
    });
    await writeArchive(archive, file.createWriteStream({ flush: true }));
    await rename(unfinished, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
