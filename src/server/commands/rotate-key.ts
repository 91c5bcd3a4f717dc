import { createVault, masterKeyId } from "../../control/core/vault.ts";
import { tryProbe } from "../../control/upkeep/key-probe.ts";
import { resealAll } from "../../control/upkeep/reseal.ts";
import { openBlobStore, openLogStore, openStore } from "../../store/open.ts";
import type { Store } from "../../store/ports/store.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { blobPlace, storePlaces } from "../data-dir.ts";
import { takeData } from "../offline.ts";
import { demandOwnObjects } from "../open-stores.ts";
import { type MasterKeys, readMasterKeys, writeMasterKeys } from "../secrets.ts";
import { dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { whereKeysAre } from "../vault-keys.ts";

/** Gives the database another master key. */
export const rotateKeyCommand: ServerCommand = {
  name: "rotate-key",
  usage: "",
  summary: "replace the master key",
  about:
    "Makes a new master key and encrypts everything anew with it; the server is stopped meanwhile. Cut off, it goes on where it was when it is run again.",
  examples: [
    "windlassd rotate-key --data-dir /var/lib/windlass",
    "WINDLASS_MASTER_KEY=NEW,OLD windlassd rotate-key       # where the key is a variable: afterwards set it to NEW alone",
  ],
  flags: [],
  words: { min: 0, max: 0 },
  heeds: ["masterKey", "migrate"],
  async run(call) {
    const dataDir = dataDirOf(call.settings, call.environment);
    await using _held = await takeData(call);
    const places = storePlaces(call.settings, dataDir);
    await using store = await openStore({ ...places.store, log: call.log, migrate: call.settings.migrate });
    await using blobs = await openBlobStore({ ...blobPlace(call.settings, dataDir), log: call.log });
    await using logs = await openLogStore({ ...places.logs, log: call.log });
    await demandOwnObjects({ store, blobs, random: call.random }, call.settings);
    const keys = await keysToRotate(call, dataDir, store);
    const vault = createVault(keys.key, call.random, keys.older);
    const { log, random } = call;
    const { resealed, current, missing } = await resealAll({ store, logs, blobs, vault, random, log });
    if (keys.file !== undefined) await writeMasterKeys(dataDir, [keys.key]);
    tell(
      call,
      keys,
      `${resealed} values were encrypted anew, ${current} had been before, ${missing} objects are missing`,
    );
    return 0;
  },
};

/** The new key first, durably beside the old ones before anything is encrypted with it. */
async function keysToRotate(call: CommandCall, dataDir: string, store: Store): Promise<MasterKeys> {
  const { settings, random } = call;
  const keys = await readMasterKeys(dataDir, settings.masterKey);
  if (keys === undefined)
    throw new StartError(2, `there is no master key in ${dataDir}: nothing was started there yet`);
  const vault = createVault(keys.key, random, keys.older);
  if ((await tryProbe({ store, vault })).kind === "wrong-key")
    throw new StartError(2, `the master key ${masterKeyId(keys.key)} is not the one of this database: ${whereKeysAre}`);
  if (keys.older.length > 0) {
    call.note(
      `windlassd: going on from the key ${keys.older.map(masterKeyId).join(", ")} to ${masterKeyId(keys.key)}\n`,
    );
    return keys;
  }
  if (keys.file === undefined)
    throw new StartError(
      2,
      "the key comes from WINDLASS_MASTER_KEY: set it to NEW,OLD for this command, and to NEW afterwards. openssl rand -hex 32 makes a key",
    );
  const next: MasterKeys = { key: random.bytes(32), older: [keys.key], file: keys.file };
  await writeMasterKeys(dataDir, [next.key, ...next.older]);
  return next;
}

function tell(call: CommandCall, { key, older, file }: MasterKeys, counts: string): void {
  call.say(`the master key is now ${masterKeyId(key)}: ${counts}\n`);
  call.note(
    `windlassd: back up the new key. Backups made until now need the old one, ${older.map(masterKeyId).join(", ")}: keep your copy of it with them\n`,
  );
  if (file === undefined) call.note("windlassd: now set WINDLASS_MASTER_KEY to the new key alone\n");
}
