import { createVault, masterKeyId, type Vault } from "../control/core/vault.ts";
import { generationKey } from "../control/people/system.ts";
import { probeKey, sealedProbe, tryProbe } from "../control/upkeep/key-probe.ts";
import type { Log } from "../lib/program/log.ts";
import type { Random } from "../lib/random.ts";
import type { Store } from "../store/ports/store.ts";
import { type MasterKeys, makeMasterKey, masterKeyFile, readMasterKeys } from "./secrets.ts";
import type { ServerSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

export interface VaultParts {
  readonly settings: Pick<ServerSettings, "masterKey">;
  readonly dataDir: string;
  readonly store: Store;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The vault of this database: with the master key that is there, or with a new one if the database is new. A database that
 * knows another key is refused with a `StartError`.
 */
export async function openVault(parts: VaultParts): Promise<Vault> {
  const { settings, dataDir, store, random, log } = parts;
  const keys = (await readMasterKeys(dataDir, settings.masterKey)) ?? (await firstKeys(parts));
  const vault = createVault(keys.key, random, keys.older);
  const probe = await tryProbe({ store, vault });
  switch (probe.kind) {
    case "absent":
      // Another process that starts for the first time, too, may have been faster: then its key is the one.
      await store.write(async (tx) => {
        if ((await tx.meta.get(probeKey)) === undefined) await tx.meta.set(probeKey, sealedProbe(vault));
      });
      if ((await tryProbe({ store, vault })).kind !== "opens") throw wrongKey(keys);
      return vault;
    case "wrong-key":
      throw wrongKey(keys);
    case "opens":
      if (keys.older.length > 0 || !probe.isCurrent)
        log.warn("a rotation of the master key was not finished: stop windlassd and run windlassd rotate-key again");
      return vault;
  }
}

/** What to do without the right key. */
export const whereKeysAre =
  "copy master.key from another server of this database or from your backup, or give that key as WINDLASS_MASTER_KEY";

const wrongKey = ({ key, file }: MasterKeys): StartError =>
  new StartError(
    2,
    `the master key ${masterKeyId(key)} (${file ?? "WINDLASS_MASTER_KEY"}) is not the one of this database: ${whereKeysAre}`,
  );

async function firstKeys({ dataDir, store, random, log }: VaultParts): Promise<MasterKeys> {
  if ((await store.read((q) => q.meta.get(generationKey))) !== undefined) {
    throw new StartError(
      2,
      `${masterKeyFile(dataDir)} is missing, and this database was made with a master key: ${whereKeysAre}`,
    );
  }
  const keys = await makeMasterKey(dataDir, random);
  log.warn(
    { file: keys.file },
    "made a master key: back it up, states and sensitive variables cannot be read without it",
  );
  return keys;
}
