import { existsSync } from "node:fs";
import { readdir, rm, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { collectGarbage } from "../../control/upkeep/gc.ts";
import type { GcControl, GcCount } from "../../control/upkeep/gc-counts.ts";
import { giveBackRoom } from "../../control/upkeep/gc-loop.ts";
import { makeDirectory } from "../../lib/fs/make-directory.ts";
import { copySqlite } from "../../store/engine/snapshot.ts";
import { vacuumNeed, vacuumSqlite } from "../../store/engine/vacuum.ts";
import { openBlobStore, openLogStore, openStore } from "../../store/open.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import {
  blobPlace,
  demandDataDir,
  enterMaintenance,
  logsFile,
  maintenanceDir,
  rowsFile,
  storePlaces,
} from "../data-dir.ts";
import { takeData } from "../offline.ts";
import { demandOwnObjects } from "../open-stores.ts";
import { databaseOf, dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { retentionOf, retentionSettings } from "../upkeep-settings.ts";

/** Deletes what is no longer kept, or tells what that would be. */
export const gcCommand: ServerCommand = {
  name: "gc",
  usage: "[--dry-run] [--vacuum]",
  summary: "delete what is no longer kept, or tell what would go",
  about:
    "Deletes what the --keep-… settings no longer keep, and what nothing refers to. A running server does this every hour by itself; --dry-run works beside it. --vacuum writes the files of SQLite anew, without the room that deleted rows have left: once for databases of older versions, which give none back by themselves.",
  examples: [
    "windlassd gc --dry-run --keep-runs 90d --keep-logs 30d",
    "windlassd gc --keep-runs 90d",
    "windlassd gc --vacuum",
  ],
  flags: [
    { name: "dry-run", about: "delete nothing, tell what would go" },
    { name: "vacuum", about: "then write the files of SQLite anew, without free room; needs the server stopped" },
  ],
  words: { min: 0, max: 0 },
  heeds: ["migrate", ...retentionSettings],
  async run(call) {
    const isVacuum = call.own.vacuum !== undefined;
    if (isVacuum && call.settings.databaseUrl !== undefined) throw new StartError(2, noVacuum);
    return call.own["dry-run"] === undefined ? collect(call, isVacuum) : look(call, isVacuum);
  },
};

const noVacuum =
  "--vacuum is for SQLite. PostgreSQL uses free room again by itself; VACUUM FULL gives it back to the disk, with the server stopped";

interface Opened extends AsyncDisposable {
  readonly control: GcControl;
}

async function collect(call: CommandCall, isVacuum: boolean): Promise<number> {
  const dataDir = dataDirOf(call.settings, call.environment);
  await using _taken = await takeData(call);
  using held = await enterMaintenance(dataDir);
  if (held === undefined) throw new StartError(5, `a backup is under way in ${dataDir}: try again later`);
  await removeLeftovers(dataDir);
  call.say(tableOf(await deleteAll(call, dataDir), false));
  if (isVacuum) await vacuumAll(call, dataDir);
  return 0;
}

async function deleteAll(call: CommandCall, dataDir: string): Promise<readonly GcCount[]> {
  await using opened = await openToDelete(call, dataDir);
  const counts = await collectGarbage(opened.control, { retention: retentionOf(call.settings), isDryRun: false });
  await giveBackRoom(opened.control, 0, AbortSignal.any([]));
  return counts;
}

async function look(call: CommandCall, isVacuum: boolean): Promise<number> {
  await using opened = await openToLook(call);
  const counts = await collectGarbage(opened.control, { retention: retentionOf(call.settings), isDryRun: true });
  call.say(tableOf(counts, true));
  const dataDir = dataDirOf(call.settings, call.environment);
  if (isVacuum) call.say(`${await vacuumText(dataDir)}\n`);
  return 0;
}

const filesOf = (dataDir: string): readonly string[] =>
  [rowsFile(dataDir), logsFile(dataDir)].filter((path) => existsSync(path));

/** The most that one of the files needs: each is done before the next begins. */
async function vacuumText(dataDir: string): Promise<string> {
  const { needed, free } = await roomFor(dataDir);
  return `writing the files anew needs ${needed} bytes of free disk; ${free} are free in ${dataDir}`;
}

async function roomFor(dataDir: string): Promise<{ readonly needed: number; readonly free: number }> {
  const needed = Math.max(0, ...filesOf(dataDir).map((path) => vacuumNeed(path).neededBytes));
  const { bavail, bsize } = await statfs(dataDir);
  return { needed, free: bavail * bsize };
}

const vacuumPrefix = "vacuum-";

/** What was written by one that was ended in the middle: as large as the database. Nobody else is here. */
async function removeLeftovers(dataDir: string): Promise<void> {
  const names = await readdir(maintenanceDir(dataDir));
  for (const name of names.filter((found) => found.startsWith(vacuumPrefix)))
    await rm(join(maintenanceDir(dataDir), name), { recursive: true, force: true });
}

async function vacuumAll({ random, say }: CommandCall, dataDir: string): Promise<void> {
  const { needed, free } = await roomFor(dataDir);
  if (free < needed) throw new StartError(1, `there is not enough room: ${await vacuumText(dataDir)}`);
  const work = join(maintenanceDir(dataDir), `${vacuumPrefix}${random.uuid()}`);
  for (const path of filesOf(dataDir)) {
    const before = vacuumNeed(path).bytes;
    await vacuumSqlite(path, work);
    say(`${basename(path)} had ${before} bytes and has ${vacuumNeed(path).bytes}\n`);
  }
}

async function openToDelete({ settings, clock, random, log }: CommandCall, dataDir: string): Promise<Opened> {
  await using opening = new AsyncDisposableStack();
  const places = storePlaces(settings, dataDir);
  const store = opening.use(await openStore({ ...places.store, log, migrate: settings.migrate }));
  const logs = opening.use(await openLogStore({ ...places.logs, log }));
  const blobs = opening.use(await openBlobStore({ ...blobPlace(settings, dataDir), log }));
  await demandOwnObjects({ store, blobs, random }, settings);
  const owned = opening.move();
  return { control: { store, logs, blobs, clock, log }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
/** A server may run: its rows are looked at in a copy. */
async function openToLook(call: CommandCall): Promise<Opened> {
  await using opening = new AsyncDisposableStack();
  const dataDir = dataDirOf(call.settings, call.environment);
  demandDataDir(dataDir);
  const { clock, log } = call;
  const places = storePlaces(call.settings, dataDir);
  const migrate = "check" as const;
  const rows = databaseOf(call.settings) ?? { url: await copyOfRows(opening, call, dataDir) };
  const store = opening.use(await openStore({ ...rows, log, migrate }));
  const logs = opening.use(await openLogStore({ ...places.logs, log, migrate }));
  const blobs = opening.use(
    await openBlobStore({ ...blobPlace(call.settings, dataDir), log, migrate, isShared: true }),
  );
  const owned = opening.move();
  return { control: { store, logs, blobs, clock, log }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function copyOfRows(opening: AsyncDisposableStack, { random }: CommandCall, dataDir: string): Promise<string> {
  if (!existsSync(rowsFile(dataDir))) throw new StartError(2, `there is no database in ${dataDir}`);
  const work = join(maintenanceDir(dataDir), `gc-${random.uuid()}`);
  await makeDirectory(work);
  opening.defer(() => rm(work, { recursive: true, force: true }));
  await copySqlite(rowsFile(dataDir), join(work, "windlass.db"));
  return `sqlite:${join(work, "windlass.db")}`;
}

function tableOf(counts: readonly GcCount[], isDryRun: boolean): string {
  const rows = counts.map(({ kind, count, bytes }) => [kind, String(count), bytes === null ? "-" : String(bytes)]);
  const all = [[isDryRun ? "WOULD BE DELETED" : "DELETED", "COUNT", "BYTES"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
