import { readFile } from "node:fs/promises";
import { masterKeyId } from "../../control/core/vault.ts";
import type { Manifest } from "../backup/manifest.ts";
import type { CommandCall } from "../command.ts";
import { keysIn, type MasterKeys, masterKeyFile, readMasterKeys } from "../secrets.ts";
import { StartError } from "../start-error.ts";

export interface RestoreKeyParts {
  readonly call: CommandCall;
  readonly dataDir: string;
  readonly manifest: Manifest;
  readonly isForced: boolean;
}

/** The key that the backup needs, if it is given or there; undefined if it is that of the archive. */
export async function chooseKeys(parts: RestoreKeyParts): Promise<MasterKeys | undefined> {
  const { call, dataDir, manifest, isForced } = parts;
  const here = await readMasterKeys(dataDir, call.settings.masterKey);
  if (here !== undefined && idsOf(here).includes(manifest.masterKeyId)) return here;
  if (!manifest.hasMasterKey) throw missing(parts, here);
  if (here !== undefined && !isForced) {
    const where = here.file ?? "WINDLASS_MASTER_KEY";
    throw new StartError(
      2,
      `${where} holds another master key than the backup: take it away, or give --force to replace it`,
    );
  }
  if (here !== undefined && here.file === undefined)
    throw new StartError(2, "WINDLASS_MASTER_KEY is not the key of the backup: unset it, or set it to the right one");
  return undefined;
}

/** The key of the archive, as it will stand in the data directory. */
export async function archivedKeys(unpacked: string, dataDir: string): Promise<MasterKeys> {
  return { ...keysIn(await readFile(unpacked, "utf8"), "the backup's master key"), file: masterKeyFile(dataDir) };
}

const idsOf = ({ key, older }: MasterKeys): readonly string[] => [key, ...older].map(masterKeyId);

function missing({ dataDir, manifest }: RestoreKeyParts, here: MasterKeys | undefined): StartError {
  const found = here === undefined ? "" : ` (what is there is the key ${masterKeyId(here.key)})`;
  return new StartError(
    2,
    `the backup was made without its master key ${manifest.masterKeyId}: put that into ${masterKeyFile(dataDir)} first${found}`,
  );
}
