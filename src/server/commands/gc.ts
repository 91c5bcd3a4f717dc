import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { collectGarbage, type GcControl, type GcCount } from "../../control/gc.ts";
import { makeDirectory } from "../../lib/make-directory.ts";
import { openBlobStore, openLogStore, openStore } from "../../store/open.ts";
import { copySqlite } from "../../store/snapshot.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { demandDataDir, enterMaintenance, maintenanceDir, rowsFile, storeUrls } from "../data-dir.ts";
import { takeData } from "../offline.ts";
import { dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { retentionOf } from "../upkeep-settings.ts";

/** Deletes what is no longer kept, or tells what that would be. */
export const gcCommand: ServerCommand = {
  name: "gc",
  usage: "[--dry-run]",
  summary: "delete what is no longer kept, or tell what would go",
  about:
    "Deletes what the --keep-… settings no longer keep, and what nothing refers to. A running server does this every hour by itself; --dry-run works beside it.",
  examples: ["windlassd gc --dry-run --keep-runs 90d --keep-logs 30d", "windlassd gc --keep-runs 90d"],
  flags: [{ name: "dry-run", about: "delete nothing, tell what would go" }],
  words: { min: 0, max: 0 },
  async run(call) {
    const isDryRun = call.own["dry-run"] !== undefined;
    await using opened = await (isDryRun ? openToLook(call) : openToDelete(call));
    const counts = await collectGarbage(opened.control, { retention: retentionOf(call.settings), isDryRun });
    call.say(tableOf(counts, isDryRun));
    return 0;
  },
};

interface Opened extends AsyncDisposable {
  readonly control: GcControl;
}

async function openToDelete(call: CommandCall): Promise<Opened> {
  await using opening = new AsyncDisposableStack();
  const dataDir = dataDirOf(call.settings, call.environment);
  opening.use(await takeData(call));
  const held = await enterMaintenance(dataDir);
  if (held === undefined) throw new StartError(5, `a backup is under way in ${dataDir}: try again later`);
  opening.use(held);
  const { clock, log } = call;
  const urls = storeUrls(call.settings, dataDir);
  const store = opening.use(await openStore({ url: urls.store, log, migrate: call.settings.migrate }));
  const logs = opening.use(await openLogStore({ url: urls.logs, log }));
  const blobs = opening.use(await openBlobStore({ url: urls.blobs, log }));
  const owned = opening.move();
  return { control: { store, logs, blobs, clock, log }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A server may run: its rows are looked at in a copy. */
async function openToLook(call: CommandCall): Promise<Opened> {
  await using opening = new AsyncDisposableStack();
  const dataDir = dataDirOf(call.settings, call.environment);
  demandDataDir(dataDir);
  const { clock, log } = call;
  const urls = storeUrls(call.settings, dataDir);
  const migrate = "check" as const;
  const url = call.settings.databaseUrl ?? (await copyOfRows(opening, call, dataDir));
  const store = opening.use(await openStore({ url, log, migrate }));
  const logs = opening.use(await openLogStore({ url: urls.logs, log, migrate }));
  const blobs = opening.use(await openBlobStore({ url: urls.blobs, log, migrate, isShared: true }));
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
