import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashPackage, lookAtPackage } from "./dir-hash.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "windlass-package-"));
});
afterEach(() => rm(root, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), content);
  }
}

/** The vectors come from lock files that terraform 1.11.4 wrote for these packages in a filesystem mirror. */
test.each([
  [{ "terraform-provider-a_v1.0.0": "#!/bin/sh\n" }, "h1:8h6wFAnwTV6OTviAH2W5A73nkFKQ9lYUh1Z3hoHDTpY="],
  [
    {
      "terraform-provider-a_v1.0.0": "#!/bin/sh\n",
      LICENSE: "free\n",
      "docs/b": "",
      "docs/a.md": "a",
      "Über.txt": "u",
    },
    "h1:ENj1QzN4e5AuqjwoUDY+TNHdFK1fekBl0lj4WkJ/qbo=",
  ],
])("the hash of %j is terraform's", async (files, h1) => {
  await write(files);
  expect(await hashPackage(root, await lookAtPackage(root))).toBe(h1);
});

test("a package with anything but plain files is refused", async () => {
  await write({ a: "" });
  await symlink("/etc/passwd", join(root, "link"));
  await expect(lookAtPackage(root)).rejects.toThrow('it holds "link", which is no plain file');
});

test("the identity of a package changes with each of its files", async () => {
  await write({ a: "1", b: "2" });
  const before = await lookAtPackage(root);
  expect(before).toMatchObject({ files: ["a", "b"], bytes: 2 });
  await writeFile(join(root, "b"), "3");
  expect((await lookAtPackage(root)).identity).not.toBe(before.identity);
});
