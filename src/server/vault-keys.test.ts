import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../../test/support/server.ts";
import { masterKeyId, type Vault } from "../control/core/vault.ts";
import { generationKey } from "../control/people/system.ts";
import { probeKey } from "../control/upkeep/key-probe.ts";
import { memoryLog } from "../lib/program/log.ts";
import { systemRandom } from "../lib/random.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/ports/store.ts";
import { keyText, masterKeyFile } from "./secrets.ts";
import { openVault } from "./vault-keys.ts";

let held: AsyncDisposableStack;
let dir: string;
let store: Store;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
  store = held.use(await openStore({ url: `sqlite:${join(dir, "rows.db")}` }));
});
afterEach(() => held.disposeAsync());

const [a, b] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
const textOf = (...[key = new Uint8Array(), ...older]: readonly (Uint8Array | undefined)[]) =>
  keyText({ key, older: older.flatMap((one) => one ?? []) });

/** The vault that a start opens, and what it says of it. */
async function open(masterKey?: string) {
  const { log, records } = memoryLog();
  const vault = await openVault({ settings: { masterKey }, dataDir: dir, store, random: systemRandom, log });
  return { vault, said: records.map(({ msg }) => msg) };
}
const opensFor = ({ vault: one }: { readonly vault: Vault }, { vault: other }: { readonly vault: Vault }) =>
  Buffer.from(other.open(one.seal(Buffer.from("text"), "subject"), "subject")).toString();
const becomeKnown = () => store.write((tx) => tx.meta.set(generationKey, "generation"));
const startError = (message: string) =>
  expect.objectContaining({ name: "StartError", exitCode: 2, message: expect.stringContaining(message) });

test("a new database gets a new key, which is told of, and the same one at every start after that", async () => {
  const first = await open();
  expect(first.said).toEqual([expect.stringContaining("made a master key: back it up")]);
  expect((await stat(masterKeyFile(dir))).mode & 0o777).toBe(0o600);
  await becomeKnown();
  const second = await open();
  expect(second.said).toEqual([]);
  expect(opensFor(first, second)).toBe("text");
});

test("a key that is given makes no file", async () => {
  await open(textOf(a));
  await expect(stat(masterKeyFile(dir))).rejects.toMatchObject({ code: "ENOENT" });
  expect(opensFor(await open(textOf(a)), await open(textOf(a)))).toBe("text");
});

test("another key is refused by its id and its source, before anything is sealed with it", async () => {
  await open(textOf(a));
  const probe = await store.read((q) => q.meta.get(probeKey));
  const id = masterKeyId(b ?? new Uint8Array());
  await expect(open(textOf(b))).rejects.toEqual(
    startError(`the master key ${id} (WINDLASS_MASTER_KEY) is not the one`),
  );
  await writeFile(masterKeyFile(dir), textOf(b));
  await expect(open()).rejects.toEqual(startError(`the master key ${id} (${masterKeyFile(dir)}) is not the one`));
  expect(await store.read((q) => q.meta.get(probeKey))).toBe(probe);
});

test("a database that was made with a key gets no other one when its file is gone", async () => {
  await becomeKnown();
  await expect(open()).rejects.toEqual(startError(`${masterKeyFile(dir)} is missing`));
  await expect(open()).rejects.toEqual(startError("copy master.key from another server of this database"));
  await expect(readFile(masterKeyFile(dir))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a rotation that was not finished is told of, whichever of its keys the database knows", async () => {
  const unfinished = [expect.stringContaining("a rotation of the master key was not finished")];
  await open(textOf(a));
  expect((await open(textOf(b, a))).said).toEqual(unfinished);
  expect((await open(textOf(a, b))).said).toEqual(unfinished);
  expect((await open(textOf(a))).said).toEqual([]);
});

test("a database of before there were probes takes the key that is there, and knows it from then on", async () => {
  await becomeKnown();
  await writeFile(masterKeyFile(dir), textOf(a));
  await open();
  await expect(open(textOf(b))).rejects.toEqual(
    startError("is not the one of this database: copy master.key from another server of this database"),
  );
});
