import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeDirectory } from "./make-directory.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "windlass-directory-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("a directory is made with those above it, for its owner alone, once or twice", async () => {
  await makeDirectory(join(root, "a", "b"));
  await makeDirectory(join(root, "a", "b"));
  expect((await stat(join(root, "a", "b"))).mode & 0o777).toBe(0o700);
});

test("a place where nothing can be made is an error, and at once", async () => {
  await expect(makeDirectory("/proc/nope/deeper")).rejects.toMatchObject({ code: "ENOENT" });
});

test("a file in the way is an error", async () => {
  await writeFile(join(root, "file"), "");
  await expect(makeDirectory(join(root, "file"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(makeDirectory(join(root, "file", "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
});
