import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../../../../test/support/release-mirror.ts";
import { type ZipEntry, zipOf } from "../../../../test/support/zip.ts";
import { unpackProgram } from "./release-unpack.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-zip-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const program = Buffer.from("#!/bin/sh\necho hello\n".repeat(1000));
const signal = new AbortController().signal;

async function unpack(zip: readonly ZipEntry[] | Buffer, maxBytes = 1_000_000): Promise<string> {
  const path = join(dir, "release.zip");
  await writeFile(path, Buffer.isBuffer(zip) ? zip : zipOf(zip));
  return await unpackProgram({ zip: path, name: "terraform", into: join(dir, "out"), maxBytes }, signal);
}

test.each([true, false])("the program alone is taken, read-only and executable (deflated: %s)", async (isDeflated) => {
  const others = ["LICENSE.txt", "bin/terraform", "terraform.exe", "terraform/"].map((name) => ({
    name,
    content: Buffer.from("x"),
  }));
  const hash = await unpack([...others, { name: "terraform", content: program, isDeflated }]);
  expect(hash).toBe(sha256(program));
  expect(await readFile(join(dir, "out"))).toEqual(program);
  expect((await stat(join(dir, "out"))).mode & 0o777).toBe(0o555);
});

const good: ZipEntry = { name: "terraform", content: program, isDeflated: true };
test.each<[string, readonly ZipEntry[] | Buffer, string]>([
  ["no program", [{ ...good, name: "tofu" }], "it has no file terraform"],
  ["two programs", [good, good], "it has 2 files terraform"],
  ["a link", [{ ...good, mode: 0o120777 }], "its terraform is no regular file"],
  ["a way out", [{ ...good, name: "../terraform" }, good], "../terraform"],
  ["an absolute name", [{ ...good, name: "/etc/passwd" }, good], "/etc/passwd"],
  ["more content than it says", [{ ...good, claimedBytes: 100 }], "too many bytes"],
  ["less content than it says", [{ ...good, claimedBytes: program.length + 1 }], "not enough bytes"],
  ["a cut end", zipOf([good]).subarray(0, -30), "the archive cannot be used"],
  [
    "cut content",
    Buffer.concat([zipOf([good]).subarray(0, 60), zipOf([good]).subarray(-80)]),
    "the archive cannot be used",
  ],
  ["no zip at all", Buffer.from("<html>not here</html>"), "the archive cannot be used"],
  [
    "too many entries",
    Array.from({ length: 1001 }, (_, n) => ({ name: `${n}`, content: Buffer.alloc(0) })),
    "1001 entries",
  ],
])("an archive with %s is refused", async (_name, zip, why) => {
  await expect(unpack(zip)).rejects.toMatchObject({ code: "archive_rejected", message: expect.stringContaining(why) });
});

test("a program that is too large is refused before it is written", async () => {
  await expect(unpack([good], program.length - 1)).rejects.toThrow(
    /its terraform is larger than 20999 bytes \(21000\)/,
  );
  await expect(stat(join(dir, "out"))).rejects.toThrow("ENOENT");
});
