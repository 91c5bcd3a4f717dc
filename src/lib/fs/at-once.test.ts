import { mkdtemp, rm as remove } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as atOnce from "./at-once.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-at-once-"));
});
afterEach(() => remove(dir, { recursive: true, force: true }));

test("what is written can be read back, under modes and names as asked", async () => {
  const path = join(dir, "a", "b");
  await atOnce.mkdir(join(dir, "a"), { recursive: true, mode: 0o700 });
  await atOnce.writeFile(path, "text", { mode: 0o600, flag: "wx" });
  expect(await atOnce.readFile(path, "utf8")).toBe("text");
  expect(await atOnce.readFile(path)).toEqual(Buffer.from("text"));
  expect((await atOnce.stat(path)).mode & 0o777).toBe(0o600);
  await atOnce.symlink(path, join(dir, "link"));
  expect((await atOnce.lstat(join(dir, "link"))).isSymbolicLink()).toBe(true);
  expect([await atOnce.readlink(join(dir, "link")), await atOnce.realpath(join(dir, "link"))]).toEqual([path, path]);
  await atOnce.rename(path, join(dir, "a", "c"));
  expect(await atOnce.readdir(join(dir, "a"))).toEqual(["c"]);
});

test("what fails rejects, as it does in the pool, and never throws", async () => {
  const absent = join(dir, "absent");
  const attempts = [
    () => atOnce.readFile(absent),
    () => atOnce.stat(absent),
    () => atOnce.lstat(absent),
    () => atOnce.access(absent),
    () => atOnce.chmod(absent, 0o700),
    () => atOnce.readdir(absent),
    () => atOnce.realpath(absent),
    () => atOnce.rename(absent, join(dir, "there")),
  ];
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: "ENOENT" });
  await atOnce.writeFile(absent, "", { mode: 0o600 });
  await expect(atOnce.writeFile(absent, "", { mode: 0o600, flag: "wx" })).rejects.toMatchObject({ code: "EEXIST" });
});

test("to remove and to touch a file asks for nothing to be there, or not there", async () => {
  const path = join(dir, "one");
  await atOnce.touch(path);
  await atOnce.writeFile(path, "kept", { mode: 0o600 });
  await atOnce.touch(path);
  expect(await atOnce.readFile(path, "utf8")).toBe("kept");
  await atOnce.rm(path);
  await atOnce.rm(path);
  expect(await atOnce.readdir(dir)).toEqual([]);
});
