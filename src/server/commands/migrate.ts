import { openStore, schemaState } from "../../store/open.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { demandDataDir, storePlaces } from "../data-dir.ts";
import { takeData } from "../offline.ts";
import { dataDirOf } from "../settings.ts";

/** Brings the database up to date, or says whether it is. */
export const migrateCommand: ServerCommand = {
  name: "migrate",
  usage: "[--check]",
  summary: "upgrade the database, or check whether it is up to date",
  about:
    "Upgrades the database to this program's schema; with --check only says how far it is (exit code 5: not up to date).",
  examples: ["windlassd migrate --check --data-dir /var/lib/windlass", "windlassd migrate"],
  flags: [{ name: "check", about: "change nothing; exit with 5 if migrations are pending" }],
  words: { min: 0, max: 0 },
  heeds: [],
  async run(call) {
    const dataDir = dataDirOf(call.settings, call.environment);
    const place = storePlaces(call.settings, dataDir).store;
    if (call.own.check === undefined) await migrate(call, dataDir);
    const { applied, known } = await schemaState(place);
    const state = applied === known ? "up to date" : applied > known ? "newer than this program" : "not up to date";
    call.say(`schema version ${applied} of ${known}: ${state}\n`);
    return applied === known ? 0 : 5;
  },
};

async function migrate(call: CommandCall, dataDir: string): Promise<void> {
  const { settings, log } = call;
  if (settings.databaseUrl === undefined) demandDataDir(dataDir);
  await using _held = await takeData(call);
  await using _store = await openStore({ ...storePlaces(settings, dataDir).store, log });
}
