import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemRandom } from "../lib/random.ts";
import {
  keysIn,
  keyText,
  makeMasterKey,
  masterKeyFile,
  readMasterKeys,
  writeMasterKeys,
  writeSecret,
} from "./secrets.ts";
import { openFilesIn, temporaryDirectory } from "./testing.ts";

let held: AsyncDisposableStack;
let dir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
});
afterEach(() => held.disposeAsync());

const hex = (key: Uint8Array) => Buffer.from(key).toString("hex");
const [a, b, c] = ["aa", "bb", "cc"].map((pair) => pair.repeat(32));
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test.each([
  ["one key", `${a}`, [a]],
  ["one with a line end", `${a}\n`, [a]],
  ["several, the first seals", `${a}\n${b}\n${c}\n`, [a, b, c]],
  ["between commas and blanks", ` ${a},${b},  ${c}\r\n\t`, [a, b, c]],
  ["in capitals", `${"AB".repeat(32)}`, ["ab".repeat(32)]],
])("a text has master keys: %s", (_, text, keys) => {
  const { key, older } = keysIn(text, "the source");
  expect([key, ...older].map(hex)).toEqual(keys);
});

test.each([
  ["", "the source: expected a master key, got nothing"],
  [" \n,", "the source: expected a master key, got nothing"],
  ["hunter2", "the source: expected a master key of 64 hex digits, got 7 characters (not shown)"],
  [`${a}a`, "the source: expected a master key of 64 hex digits, got 65 characters (not shown)"],
  [`${"g".repeat(64)}`, "the source: expected a master key of 64 hex digits, got 64 characters (not shown)"],
  [`${a}\nhunter2`, "the source: expected a master key of 64 hex digits, got 7 characters (not shown)"],
])("%j has none, and the refusal does not show it", (text, message) => {
  expect(() => keysIn(text, "the source")).toThrow(expect.objectContaining({ code: "validation", message }));
});

test("keys that are written are read again, in their order", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(key, fc.array(key, { maxLength: 3 }), (first, older) => {
      const read = keysIn(keyText({ key: first, older }), "the source");
      expect([read.key, ...read.older].map(hex)).toEqual([first, ...older].map(hex));
    }),
  );
});

test("a key that is given as text wins over the file, which is not even read", async () => {
  await mkdir(masterKeyFile(dir));
  expect(await readMasterKeys(dir, b)).toMatchObject({ file: undefined, older: [] });
  await expect(readMasterKeys(dir, "")).rejects.toThrow("WINDLASS_MASTER_KEY: expected a master key");
  await expect(readMasterKeys(dir, undefined)).rejects.toMatchObject({ code: "EISDIR" });
});

test("where there is neither text nor file, there is no key", async () => {
  expect(await readMasterKeys(dir, undefined)).toBeUndefined();
});

test("a file with something else is named, and not shown", async () => {
  await writeFile(masterKeyFile(dir), "hunter2");
  await expect(readMasterKeys(dir, undefined)).rejects.toThrow(`${masterKeyFile(dir)}: expected a master key of 64`);
});

test("a key that is made is random, stands in the file, and is its owner's alone", async () => {
  const made = await makeMasterKey(join(dir, "data"), systemRandom);
  const read = await readMasterKeys(join(dir, "data"), undefined);
  expect(read?.file).toBe(join(dir, "data", "master.key"));
  expect(hex(read?.key ?? new Uint8Array())).toBe(hex(made.key));
  expect(await modeOf(masterKeyFile(join(dir, "data")))).toBe("600");
  expect(hex((await makeMasterKey(join(dir, "other"), systemRandom)).key)).not.toBe(hex(made.key));
});

test("a secret replaces the one before as a whole, whoever could read that, and leaves nothing beside it", async () => {
  const path = join(dir, "admin-token");
  await writeFile(path, "a longer secret that was there before", { mode: 0o644 });
  // What a start has left that was cut off.
  await writeFile(`${path}.new`, "half", { mode: 0o644 });
  await writeSecret(path, "new\n");
  expect(await readFile(path, "utf8")).toBe("new\n");
  expect(await modeOf(path)).toBe("600");
  expect(await readdir(dir)).toEqual(["admin-token"]);
  expect(openFilesIn(dir)).toEqual([]);
});

test("a secret that cannot be written leaves the one that is there", async () => {
  await makeMasterKey(dir, systemRandom);
  const before = await readFile(masterKeyFile(dir), "utf8");
  await mkdir(`${masterKeyFile(dir)}.new`);
  await expect(writeMasterKeys(dir, [new Uint8Array(32)])).rejects.toThrow();
  expect(await readFile(masterKeyFile(dir), "utf8")).toBe(before);
});
