import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { masterKeyId } from "../../control/vault.ts";
import { memoryLog } from "../../lib/log.ts";
import { keysIn, masterKeyFile } from "../secrets.ts";
import { openServer } from "../server.ts";
import { commandCall, openFilesIn, serveOnce, settingsOf, temporaryDirectory } from "../testing.ts";
import { rotateKeyCommand } from "./rotate-key.ts";

let held: AsyncDisposableStack;
let dataDir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dataDir = join(await temporaryDirectory(held), "data");
});
afterEach(() => held.disposeAsync());

async function rotate(masterKey?: string) {
  const environment = masterKey === undefined ? {} : { WINDLASS_MASTER_KEY: masterKey };
  const { call, said, noted } = commandCall({ "data-dir": dataDir }, { environment });
  const code = await rotateKeyCommand.run(call);
  return { code, said: said.join(""), noted: noted.join("") };
}
const keys = () => readFile(masterKeyFile(dataDir), "utf8");
const startError = (message: string) =>
  expect.objectContaining({ name: "StartError", exitCode: 2, message: expect.stringContaining(message) });

async function serveWith(masterKey: string): Promise<void> {
  const environment = { WINDLASS_MASTER_KEY: masterKey, PATH: "" };
  const settings = settingsOf({ "data-dir": dataDir }, environment);
  await using _server = await openServer({ settings, environment, log: memoryLog().log });
}

test("the file has the new key alone in the end, which serves; the old one does not any more", async () => {
  await serveOnce(dataDir);
  const old = await keys();
  const { code, said, noted } = await rotate();
  const fresh = await keys();
  expect([code, fresh.trim().length]).toEqual([0, 64]);
  expect(fresh).not.toBe(old);
  expect(said).toContain(
    `the master key is now ${masterKeyId(keysIn(fresh, "file").key)}: 0 values were encrypted anew`,
  );
  expect(noted).toContain(`need the old one, ${masterKeyId(keysIn(old, "file").key)}`);
  expect(said + noted).not.toContain(fresh.trim());
  await serveOnce(dataDir);
  await writeFile(masterKeyFile(dataDir), old);
  await expect(serveOnce(dataDir)).rejects.toEqual(startError("is not the one of this database"));
});

test("one that was cut off goes on with the key that it had made", async () => {
  await serveOnce(dataDir);
  const next = "cd".repeat(32);
  await writeFile(masterKeyFile(dataDir), `${next}\n${await keys()}`);
  const { noted } = await rotate();
  expect(noted).toContain("going on from the key");
  expect(await keys()).toBe(`${next}\n`);
});

test("a key that is a variable is given with the one before, and no file is made", async () => {
  const [old, next] = ["ab".repeat(32), "cd".repeat(32)];
  await serveWith(old);
  await expect(rotate(old)).rejects.toEqual(startError("set it to NEW,OLD for this command"));
  const { noted } = await rotate(`${next},${old}`);
  expect(noted).toContain("now set WINDLASS_MASTER_KEY to the new key alone");
  await expect(keys()).rejects.toMatchObject({ code: "ENOENT" });
  await serveWith(next);
  await expect(serveWith(old)).rejects.toEqual(startError("is not the one of this database"));
});

test.each([
  ["of a server that was never started", async () => void (await mkdir(dataDir)), "there is no master key in"],
  [
    "of another database",
    async () => {
      await serveOnce(dataDir);
      await writeFile(masterKeyFile(dataDir), `${"ab".repeat(32)}\n`);
    },
    "is not the one of this database",
  ],
])("the key %s is not replaced", async (_, given, message) => {
  await given();
  const before = await keys().catch(() => undefined);
  await expect(rotate()).rejects.toEqual(startError(message));
  expect(await keys().catch(() => undefined)).toBe(before);
  expect(openFilesIn(dataDir)).toEqual([]);
});
