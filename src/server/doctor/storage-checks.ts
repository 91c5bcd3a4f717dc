import { randomFillSync } from "node:crypto";
import { existsSync } from "node:fs";
import { access, constants, stat, statfs } from "node:fs/promises";
import { basename } from "node:path";
import { type Check, fail, ok, skip, warn } from "../../lib/checks/check.ts";
import { counted } from "../../lib/text/counted.ts";
import { integrityOfSqlite } from "../../store/engine/snapshot.ts";
import { vacuumNeed } from "../../store/engine/vacuum.ts";
import { openBlobStore, schemaState } from "../../store/open.ts";
import { blobPlace, logsFile, rowsFile, storePlaces } from "../data-dir.ts";
import type { DoctorContext } from "./context.ts";

/** Magic numbers of statfs(2) for file systems whose locks are not to be trusted. */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x5346414f, "AFS"],
  [0x00c36400, "Ceph"],
]);

const MiB = 2 ** 20;
const lowBytes = 1024 * MiB;
const dangerousBytes = 128 * MiB;

/** The data directory is there, is the server's alone, and can be written. */
export async function checkDataDir({ dataDir }: DoctorContext): Promise<Check> {
  const id = "data-dir";
  if (!existsSync(dataDir))
    return warn(id, `${dataDir} is not there yet`, "the first start makes it, or name another with --data-dir");
  const { mode } = await stat(dataDir);
  if ((mode & 0o077) !== 0)
    return warn(id, `${dataDir} has the mode ${(mode & 0o777).toString(8)}`, `chmod 700 ${dataDir}`);
  await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  const kind = networkFileSystems.get((await statfs(dataDir)).type);
  if (kind !== undefined)
    return fail(id, `${dataDir} lies on ${kind}: locks are not to be trusted there`, "use a local disk, or PostgreSQL");
  return ok(id, dataDir);
}

/** There is room left. */
export async function checkDisk({ dataDir }: DoctorContext): Promise<Check> {
  const id = "disk";
  if (!existsSync(dataDir)) return skip(id, "there is no data directory yet");
  const { bavail, bsize } = await statfs(dataDir);
  const free = `${Math.floor((bavail * bsize) / MiB)} MiB are free in ${dataDir}`;
  const fix = "make room: windlassd gc --dry-run tells what could go";
  if (bavail * bsize < dangerousBytes) return fail(id, free, fix);
  return bavail * bsize < lowBytes ? warn(id, free, fix) : ok(id, free);
}

/** The database can be reached, and its schema is this program's. */
export async function checkDatabase({ call, dataDir }: DoctorContext): Promise<Check> {
  const id = "database";
  const { databaseUrl } = call.settings;
  if (databaseUrl === undefined && !existsSync(rowsFile(dataDir)))
    return warn(id, "there is no database yet", "the first start makes it");
  const { applied, known } = await schemaState(storePlaces(call.settings, dataDir).store);
  const what = `${databaseUrl === undefined ? rowsFile(dataDir) : "PostgreSQL"}, schema version ${applied} of ${known}`;
  if (applied > known) return fail(id, what, "start the newer windlassd that upgraded it");
  return applied < known ? warn(id, what, "windlassd migrate, or a start with --migrate auto") : ok(id, what);
}

/** The files of an embedded database are whole. */
export async function checkIntegrity({ call, dataDir }: DoctorContext): Promise<Check> {
  const id = "integrity";
  if (call.settings.databaseUrl !== undefined) return skip(id, "PostgreSQL looks after its own files");
  const files = [rowsFile(dataDir), logsFile(dataDir)].filter((path) => existsSync(path));
  if (files.length === 0) return skip(id, "there is no database yet");
  for (const path of files) {
    const [problem] = integrityOfSqlite(path);
    if (problem !== undefined)
      return fail(id, `${path}: ${problem}`, "restore the newest backup: windlassd restore FILE --force");
  }
  return ok(id, `${counted(files.length, "file")} looked through: whole`);
}

/** The files of an embedded database give back to the disk what deleted rows took. */
export async function checkRoom({ call, dataDir }: DoctorContext): Promise<Check> {
  const id = "free-room";
  if (call.settings.databaseUrl !== undefined) return skip(id, "PostgreSQL's autovacuum uses free room again");
  const files = [rowsFile(dataDir), logsFile(dataDir)].filter((path) => existsSync(path));
  if (files.length === 0) return skip(id, "there is no database yet");
  const rooms = files.map((path) => ({ name: basename(path), ...vacuumNeed(path) }));
  const text = rooms.map(({ name, freeBytes }) => `${Math.round(freeBytes / MiB)} MiB are free in ${name}`).join(", ");
  if (rooms.every(({ givesBack }) => givesBack)) return ok(id, text);
  return warn(id, `${text}, which stays so: the files are of an older version`, "windlassd gc --vacuum, once");
}

/** Objects can be written, read and deleted. */
export async function checkBlobs({ call, dataDir }: DoctorContext): Promise<Check> {
  const id = "blobs";
  const { blobUrl } = call.settings;
  if (blobUrl === undefined && !existsSync(dataDir)) return skip(id, "there is no data directory yet");
  await using blobs = await openBlobStore({ ...blobPlace(call.settings, dataDir), migrate: "off", isShared: true });
  const content = randomFillSync(new Uint8Array(64));
  const bytes = async function* () {
    yield content;
  };
  const { key } = await blobs.put(bytes(), { maxBytes: content.length });
  const read = Buffer.concat(await Array.fromAsync(blobs.get(key)));
  // What a collection needs as well.
  for await (const _first of blobs.list()) break;
  await blobs.delete(key);
  const where = blobUrl === undefined ? "" : ` in ${blobUrl.replace(/\?.*/, "")}`;
  if (!read.equals(content)) return fail(id, `an object${where} was not read as it was written`, "check the disk");
  return ok(id, `an object${where} was written, read and deleted`);
}
