import { lockDirectory } from "../../lib/fs/dir-lock.ts";
import { counted } from "../../lib/text/counted.ts";
import { openBlobStore, openStore, schemaState } from "../../store/open.ts";
import { copyObjects } from "../backup/copy-objects.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { blobPlace, demandDataDir, enterMaintenance, storePlaces } from "../data-dir.ts";
import { takeData } from "../offline.ts";
import { dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";

/** Brings the database up to date, or says whether it is; or copies the objects to another place. */
export const migrateCommand: ServerCommand = {
  name: "migrate",
  usage: "[--check] | --blobs --to PLACE [--from PLACE]",
  summary: "upgrade the database, check whether it is up to date, or copy the objects elsewhere",
  about:
    "Upgrades the database to this program's schema; with --check only says how far it is (exit code 5: not up to date). With --blobs copies the objects to another place: s3://…, or default, which is where they are without --blob-url. Each is compared with its hash; what is there already is left alone, so that a copy that was cut off goes on. The first copy can be made while the server runs, the last one must be made while it is stopped. Exit code 1: objects were damaged and are not there.",
  examples: [
    "windlassd migrate --check --data-dir /var/lib/windlass",
    "windlassd migrate",
    "windlassd migrate --blobs --to 's3://objects/windlass?region=eu-central-1'   # then start with this as --blob-url",
    "windlassd migrate --blobs --from 's3://objects/windlass?region=eu-central-1' --to default",
  ],
  flags: [
    { name: "check", about: "change nothing; exit with 5 if migrations are pending" },
    { name: "blobs", about: "copy the objects from one place to another" },
    { name: "from", about: "where they are; without it where the settings say", value: "PLACE" },
    { name: "to", about: "where they are copied to", value: "PLACE" },
  ],
  words: { min: 0, max: 0 },
  heeds: [],
  async run(call) {
    const { check, blobs, from, to } = call.own;
    if (blobs !== undefined) return migrateBlobs(call);
    if (from !== undefined || to !== undefined) throw new StartError(2, "--from and --to belong to --blobs");
    const dataDir = dataDirOf(call.settings, call.environment);
    const place = storePlaces(call.settings, dataDir).store;
    if (check === undefined) await migrate(call, dataDir);
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

const tellEveryMs = 10_000;

async function migrateBlobs(call: CommandCall): Promise<number> {
  const { settings, environment, own, log, clock, note, say } = call;
  const dataDir = dataDirOf(settings, environment);
  demandDataDir(dataDir);
  if (own.to === undefined) throw new StartError(2, "--blobs needs to know where to: give --to s3://… or --to default");
  const present = blobPlace(settings, dataDir);
  const fallback = blobPlace({ ...settings, blobUrl: undefined }, dataDir);
  const placeOf = (text: string | undefined) =>
    text === undefined ? present : text === "default" ? fallback : { ...present, url: text };
  const [source, target] = [placeOf(own.from), placeOf(own.to)];
  if (source.url === target.url) throw new StartError(2, "--from and --to are the same place");
  using held = await enterMaintenance(dataDir);
  if (held === undefined)
    throw new StartError(5, `a backup, or a deletion, is under way in ${dataDir}: try again later`);
  const options = { log, migrate: "check", isShared: true } as const;
  await using from = await openBlobStore({ ...source, ...options });
  await using to = await openBlobStore({ ...target, ...options });
  let toldMs = clock.monotonicMs();
  const {
    copied,
    bytes,
    present: were,
    damaged,
  } = await copyObjects(from, to, (soFar) => {
    if (clock.monotonicMs() - toldMs < tellEveryMs) return;
    toldMs = clock.monotonicMs();
    note(`windlassd: ${counted(soFar.copied, "object")} of ${soFar.bytes} bytes copied so far\n`);
  });
  say(`${counted(copied, "object")} of ${bytes} bytes copied, ${were} were there already\n`);
  for (const key of damaged) note(`windlassd: the object ${key} is damaged where it was, and was not copied\n`);
  await tellIfServed(call, dataDir);
  return damaged.length === 0 ? 0 : 1;
}

/** What a server stores meanwhile is not copied. */
async function tellIfServed({ note }: CommandCall, dataDir: string): Promise<void> {
  const outcome = await lockDirectory(dataDir);
  if (outcome.kind === "held") note("windlassd: a server is running: stop it, and copy once more before the change\n");
  else outcome.lock[Symbol.dispose]();
}
