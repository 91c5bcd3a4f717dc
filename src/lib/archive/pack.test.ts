import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packDirectory } from "./pack.ts";
import { checkArchive, defaultArchiveLimits, unpackArchive } from "./unpack.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-archive-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** 51,200 bytes that do not get smaller. */
const incompressible = Buffer.concat(
  Array.from({ length: 1600 }, (_, i) => createHash("sha256").update(String(i)).digest()),
);

describe("packing", () => {
  test("what is packed comes out the same, and the same directory packs to the same bytes", async () => {
    const from = join(dir, "from");
    await mkdir(join(from, "modules/a"), { recursive: true });
    await writeFile(join(from, "main.tf"), "a".repeat(100_000));
    await writeFile(join(from, "modules/a/ünïcode-名前.tf"), "");
    await writeFile(join(from, `${"n".repeat(180)}.tf`), "long");
    await writeFile(join(from, "tool"), "x");
    await chmod(join(from, "tool"), 0o711);
    await symlink("modules/a", join(from, "current"));
    await symlink(join(from, "main.tf"), join(from, "absolute"));
    await using first = await packDirectory(from, { maxBytes: 1_000_000 });
    await utimes(join(from, "main.tf"), 1, 1);
    await using second = await packDirectory(from, { maxBytes: 1_000_000 });
    expect(second.sha256).toBe(first.sha256);
    expect(first).toMatchObject({ files: 6, ignored: 0, contentBytes: 100_005 });

    const contents = await unpackArchive(first.file, join(dir, "out"), defaultArchiveLimits);
    expect(contents).toMatchObject({ files: 4, links: 2, bytes: 100_005, compressedBytes: first.bytes });
    expect(await checkArchive(createReadStream(first.file), defaultArchiveLimits)).toEqual(contents);
    expect(await readlink(join(dir, "out/absolute"))).toBe("main.tf");
    expect(await readFile(join(dir, "out", `${"n".repeat(180)}.tf`), "utf8")).toBe("long");
    expect((await stat(join(dir, "out/tool"))).mode & 0o777).toBe(0o755);
  });

  const put = async (path: string, text = "x"): Promise<void> => {
    await mkdir(join(dir, path, ".."), { recursive: true });
    await writeFile(join(dir, path), text);
  };
  const packedNames = async (): Promise<string[]> => {
    await using packed = await packDirectory(dir, { maxBytes: 1_000_000 });
    const out = await mkdtemp(join(tmpdir(), "windlass-archive-out-"));
    await unpackArchive(packed.file, out, defaultArchiveLimits);
    const names = (await readdir(out, { recursive: true, withFileTypes: true })).filter(
      (found) => !found.isDirectory(),
    );
    await rm(out, { recursive: true, force: true });
    return names.map((found) => join(found.parentPath, found.name).slice(out.length + 1)).sort();
  };

  test("leaves out .git, .terraform but its modules, state, and what .terraformignore names", async () => {
    for (const path of [
      ".git/config",
      ".terraform/providers/p",
      ".terraform/modules/m/main.tf",
      "sub/.terraform/x",
      ".windlass/states/network.tfstate",
      "terraform.tfstate",
    ])
      await put(path);
    for (const path of [
      "terraform.tfstate.backup",
      "main.tf",
      "a.log",
      "keep.log",
      "secret/key",
      ".terraform.lock.hcl",
    ])
      await put(path);
    await put(".terraformignore", "*.log\n!keep.log\nsecret/\n");
    expect(await packedNames()).toEqual([
      ".terraform.lock.hcl",
      ".terraform/modules/m/main.tf",
      ".terraformignore",
      "keep.log",
      "main.tf",
    ]);
    await using packed = await packDirectory(dir, { maxBytes: 1_000_000 });
    expect(packed.ignored).toBe(2);
  });

  test("a link that leaves the directory is refused by name, unless it is ignored", async () => {
    await put("main.tf");
    await symlink("/etc/hostname", join(dir, "leak"));
    await expect(packDirectory(dir, { maxBytes: 1e6 })).rejects.toMatchObject({
      code: "archive_rejected",
      message: expect.stringMatching(/\/etc\/hostname.*: "leak"/),
    });
    await put(".terraformignore", "leak\n");
    expect(await packedNames()).toEqual([".terraformignore", "main.tf"]);
  });

  test("a file whose name is not UTF-8 is refused by name, and can be left out", async () => {
    await writeFile(Buffer.concat([Buffer.from(`${dir}/odd-`), Buffer.from([0xff])]), "x");
    await expect(packDirectory(dir, { maxBytes: 1_000_000 })).rejects.toMatchObject({
      code: "archive_rejected",
      message: expect.stringContaining("Rename it, or name it in .terraformignore"),
    });
    await put(".terraformignore", "odd-?\n");
    expect(await packedNames()).not.toContain("odd-\ufffd");
  });

  test("a result over the limit is refused and says what to do", async () => {
    await writeFile(join(dir, "big"), incompressible);
    await expect(packDirectory(dir, { maxBytes: 10_000 })).rejects.toMatchObject({
      code: "upload_too_large",
      message: expect.stringContaining(".terraformignore"),
    });
  });

  test("a missing directory is named", async () => {
    await expect(packDirectory(join(dir, "nope"), { maxBytes: 1 })).rejects.toMatchObject({
      code: "validation",
      message: expect.stringContaining("nope"),
    });
  });
});
