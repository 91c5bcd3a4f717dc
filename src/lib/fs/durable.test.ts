import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSynced, replaceFile, writeDurably } from "./durable.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-durable-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

for (const [name, write] of Object.entries({ writeDurably, replaceFile })) {
  test(`${name} puts the new content in place of the old, for this user alone, and leaves nothing beside it`, async () => {
    const path = join(dir, "file");
    await write(path, "old and longer");
    await write(path, Buffer.from("new"));
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(["file"]);
  });

  test(`${name} takes the place of what a crash left half-written`, async () => {
    const path = join(dir, "file");
    await writeFile(`${path}.partial`, "left by a crash, and longer");
    await write(path, "whole");
    expect(await readFile(path, "utf8")).toBe("whole");
  });
}

test("a file that is to be new is refused where one is, which stays", async () => {
  const path = join(dir, "file");
  await createSynced(path, "first");
  await expect(createSynced(path, "second")).rejects.toMatchObject({ code: "EEXIST" });
  expect(await readFile(path, "utf8")).toBe("first");
});
