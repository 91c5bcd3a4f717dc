import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { masterKeyId } from "../control/vault.ts";
import type { Manifest } from "./backup/manifest.ts";
import { archivedKeys, chooseKeys } from "./restore-keys.ts";
import { masterKeyFile, writeMasterKeys } from "./secrets.ts";
import { commandCall, temporaryDirectory } from "./testing.ts";

const ofBackup = new Uint8Array(32).fill(1);
const other = new Uint8Array(32).fill(2);
const hex = (key: Uint8Array | undefined) => Buffer.from(key ?? []).toString("hex");

let held: AsyncDisposableStack;
let dir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
});
afterEach(() => held.disposeAsync());

const manifestWith = (hasMasterKey: boolean): Manifest => ({
  ...{ format: 1, version: "0.1.0", engine: "sqlite", schemaVersion: 1, generation: "g", createdAt: new Date(0) },
  ...{ masterKeyId: masterKeyId(ofBackup), hasMasterKey, parts: [] },
});

interface Here {
  /** In the data directory. */
  readonly file?: readonly Uint8Array[];
  /** As a variable. */
  readonly given?: Uint8Array;
  readonly isForced?: boolean;
}

async function choose(hasMasterKey: boolean, { file, given, isForced = false }: Here) {
  if (file !== undefined) await writeMasterKeys(dir, file);
  const environment = given === undefined ? {} : { WINDLASS_MASTER_KEY: hex(given) };
  const { call } = commandCall({ "data-dir": dir }, { environment });
  return chooseKeys({ call, dataDir: dir, manifest: manifestWith(hasMasterKey), isForced });
}

const startError = (message: string) =>
  expect.objectContaining({ name: "StartError", exitCode: 2, message: expect.stringContaining(message) });

describe.each([true, false])("a backup whose key is in it: %s", (hasMasterKey) => {
  test.each<[string, Here]>([
    ["in the data directory", { file: [ofBackup] }],
    ["there beside a newer one, in a rotation", { file: [other, ofBackup] }],
    ["given as text", { given: ofBackup }],
    ["given as text beside another file", { given: ofBackup, file: [other] }],
  ])("takes the key that is %s", async (_, here) => {
    const keys = await choose(hasMasterKey, here);
    expect([hex(keys?.key), ...(keys?.older ?? []).map(hex)]).toContain(hex(ofBackup));
  });
});

test.each<[string, Here]>([
  ["where there is none", {}],
  ["by force, over another file", { file: [other], isForced: true }],
])("the key of the archive is taken %s", async (_, here) => {
  expect(await choose(true, here)).toBeUndefined();
});

test.each<[string, Here, string]>([
  ["another file", { file: [other] }, "master.key holds another master key than the backup"],
  ["another text", { given: other }, "WINDLASS_MASTER_KEY holds another master key than the backup"],
  ["another text, also by force", { given: other, isForced: true }, "WINDLASS_MASTER_KEY is not the key of the backup"],
])("%s is not replaced by the key of the archive", async (_, here, message) => {
  await expect(choose(true, here)).rejects.toEqual(startError(message));
});

test.each<[string, Here, string]>([
  ["no key", {}, "first"],
  ["another one", { file: [other] }, `(what is there is the key ${masterKeyId(other)})`],
  ["another one, by force", { file: [other], isForced: true }, `(what is there is the key ${masterKeyId(other)})`],
])("a backup without its key is of no use with %s", async (_, here, message) => {
  const put = `was made without its master key ${masterKeyId(ofBackup)}: put that into ${masterKeyFile(dir)}`;
  await expect(choose(false, here)).rejects.toEqual(startError(put));
  await expect(choose(false, here)).rejects.toEqual(startError(message));
});

test("the key of an archive is where it will stand, and what is none is refused", async () => {
  const unpacked = join(dir, "unpacked");
  await writeFile(unpacked, `${hex(ofBackup)}\n`);
  expect(await archivedKeys(unpacked, "/srv")).toMatchObject({ file: "/srv/master.key", older: [] });
  await writeFile(unpacked, "hunter2");
  await expect(archivedKeys(unpacked, "/srv")).rejects.toThrow(/^the backup's master key: expected a master key of 64/);
});
