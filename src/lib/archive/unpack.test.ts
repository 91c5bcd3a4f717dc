import { watch } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytes, ending, entry, noise, pax, tar, withBytes } from "../../../test/support/archive.ts";
import { checkArchive, defaultArchiveLimits, unpackArchive } from "./unpack.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-archive-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sized = (size: Buffer): Buffer => withBytes(entry({ name: "sized", body: "hello" }), 124, size);

/** The archive as a file. */
async function filed(archive: Uint8Array): Promise<string> {
  const file = join(dir, "archive.tgz");
  await writeFile(file, archive);
  return file;
}

const small = {
  ...defaultArchiveLimits,
  maxExpandedBytes: 4_000_000,
  ratioFromBytes: 100_000,
  maxEntries: 50,
  maxFileBytes: 1_000_000,
};
const a = entry({ name: "a", body: "hello" });

const hostile: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
  ["an absolute name", tar(entry({ name: "/etc/cron.d/x" })), /absolute name/],
  ["..", tar(entry({ name: "../x" })), /leaves the archive/],
  [".. in the middle", tar(entry({ name: "a/../../x" })), /leaves the archive/],
  ["a backslash", tar(entry({ name: "..\\x" })), /backslash/],
  ["a drive letter", tar(entry({ name: "C:x" })), /drive letter/],
  ["a newline in a name", tar(entry({ name: "a\nb" })), /control character/],
  ["bytes that are no UTF-8", tar(brokenName()), /not valid UTF-8/],
  ["a name of nothing but dots", tar(entry({ name: "./.", body: "x" })), /without a name/],
  ["a hard link", tar(a, entry({ name: "b", type: "1", link: "a" })), /Link: only files/],
  ["a character device", tar(entry({ name: "null", type: "3" })), /CharacterDevice/],
  ["a block device", tar(entry({ name: "sda", type: "4" })), /BlockDevice/],
  ["a FIFO", tar(entry({ name: "pipe", type: "6" })), /FIFO/],
  ["a GNU sparse file", tar(entry({ name: "sparse", type: "S", body: "x" })), /SparseFile/],
  ["a PAX sparse file", tar(pax({ "GNU.sparse.major": "1" }), a), /sparse/],
  ["a setuid bit", tar(entry({ name: "su", mode: 0o4755 })), /setuid/],
  ["a setgid bit", tar(entry({ name: "sg", mode: 0o2755 })), /setuid or setgid/],
  ["a name twice", tar(a, a), /twice/],
  ["names equal up to case", tar(a, entry({ name: "A" })), /only by letter case/],
  ["directories equal up to case", tar(entry({ name: "mod/x" }), entry({ name: "Mod/y" })), /only by letter case/],
  ["names equal up to Unicode form", tar(entry({ name: "\u00e9" }), entry({ name: "e\u0301" })), /Unicode form/],
  ["a file that is also a directory", tar(a, entry({ name: "a/b" })), /both a file and a directory/],
  [
    "a link that is also a directory",
    tar(entry({ name: "l", type: "2", link: "a" }), entry({ name: "l/x" })),
    /meets the link/,
  ],
  [
    "a directory swapped for a link",
    tar(entry({ name: "d/", type: "5" }), entry({ name: "d", type: "2", link: "x" })),
    /meets the link/,
  ],
  ["an absolute link", tar(entry({ name: "l", type: "2", link: "/etc/passwd" })), /absolute path/],
  ["a link upwards", tar(entry({ name: "l", type: "2", link: "../x" })), /leads outside/],
  ["a link upwards from a folder", tar(entry({ name: "d/l", type: "2", link: "../../x" })), /leads outside/],
  [
    "links that lead outside only together",
    tar(entry({ name: "here", type: "2", link: "." }), entry({ name: "out", type: "2", link: "here/.." })),
    /leads outside/,
  ],
  ["a link without a target", tar(entry({ name: "l", type: "2" })), /linkpath|target/],
  ["a PAX path upwards", tar(pax({ path: "../../x" }), a), /leaves the archive/],
  [
    "a PAX linkpath outside",
    tar(pax({ linkpath: "/etc" }), entry({ name: "l", type: "2", link: "a" })),
    /absolute path/,
  ],
  ["a PAX path with NUL", tar(pax({ path: "a\0b" }), a), /NUL/],
  ["a PAX linkpath with NUL", tar(pax({ linkpath: "a\0../../x" }), entry({ name: "l", type: "2", link: "a" })), /NUL/],
  ["a negative PAX size", tar(pax({ size: "-1" }), a), /negative size/],
  [
    "a GNU long name upwards",
    tar(entry({ name: "././@LongLink", type: "L", body: "../x\0" }), a),
    /leaves the archive/,
  ],
  [
    "a huge extended header",
    tar(entry({ name: "x", type: "x", body: noise(100_000, 7) })),
    /extended header of 100000/,
  ],
  ["deep nesting", tar(entry({ name: "d/".repeat(49) }), pax({ path: "d/".repeat(70) }), a), /deeper than 64/],
  ["a long name", tar(pax({ path: "n".repeat(5000) }), a), /more than 4096 bytes/],
  ["a long segment", tar(pax({ path: "n".repeat(300) }), a), /255 bytes/],
  ["a base-256 size", tar(sized(Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5])), a), /octal digits/],
  ["an impossible base-256 size", tar(sized(Buffer.alloc(12, 0x80)), a), /damaged header/],
  ["a negative base-256 size", tar(sized(Buffer.alloc(12, 0xff)), a), /octal digits/],
  ["a negative octal size", tar(entry({ name: "n", size: "-0000000001\0" }), a), /octal digits/],
  ["an impossible owner", tar(withBytes(entry({ name: "o" }), 108, Buffer.alloc(8, 0x80))), /header|tar file/],
  ["a large file", tar(entry({ name: "big", size: "00007641100\0" })), /larger than 1000000/],
  ["too many entries", tar(...Array.from({ length: 51 }, (_, i) => entry({ name: `f${i}` }))), /more than 50 entries/],
  ["a ratio bomb", tar(entry({ name: "zeros", body: Buffer.alloc(900_000) })), /200 times/],
  [
    "a size bomb",
    tar(...Array.from({ length: 9 }, (_, i) => entry({ name: `r${i}`, body: noise(500_000, i) }))),
    /more than 4000000/,
  ],
  ["a cut end", gzipSync(Buffer.concat([a, Buffer.alloc(512)])), /cut short/],
  ["a cut body", gzipSync(a.subarray(0, 700)), /cut short/],
  ["a cut gzip stream", tar(a, entry({ name: "r", body: noise(5000, 1) })).subarray(0, 3000), /cut short/],
  ["no gzip", Buffer.concat([a, ending]), /not compressed/],
  ["gzip in gzip", gzipSync(tar(entry({ name: "n", body: noise(2000, 5) }))), /compressed twice/],
  ["no tar", gzipSync("x".repeat(2000)), /not a tar file/],
  ["a wrong checksum", gzipSync(Buffer.concat([flip(a), ending])), /damaged header/],
  ["something after the end", gzipSync(Buffer.concat([a, ending, a, ending])), /after its end mark/],
  ["nothing", Buffer.alloc(0), /is empty/],
];

function brokenName(): Buffer {
  const header = entry({ name: "ab" });
  header[1] = 0xff;
  return resum(header);
}

function flip(part: Buffer): Buffer {
  const copy = Buffer.from(part);
  copy[2] = 0x7a;
  return copy;
}

function resum(header: Buffer): Buffer {
  header.write("        ", 148);
  header.write(
    `${header
      .subarray(0, 512)
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return header;
}

describe("hostile archives are refused, and nothing stays", () => {
  test.each(hostile)("%s", async (_, archive, why) => {
    const refusal = { name: "WindlassError", code: "archive_rejected", message: expect.stringMatching(why) };
    await expect(checkArchive(bytes(archive), small)).rejects.toMatchObject(refusal);
    await expect(unpackArchive(await filed(archive), join(dir, "out"), small)).rejects.toMatchObject(refusal);
    expect(await readdir(join(dir, "out"))).toEqual([]);
  });

  test.each(hostile)("%s, in pieces", async (_, archive) => {
    const chunks = Array.from({ length: Math.ceil(archive.length / 97) }, (_, i) =>
      archive.subarray(i * 97, i * 97 + 97),
    );
    await expect(checkArchive(bytes(...chunks.slice(0, 2000)), small)).rejects.toMatchObject({
      code: "archive_rejected",
    });
  });

  test("the refusal names the entry for programs", async () => {
    const failed = checkArchive(bytes(tar(entry({ name: "x/../../y" }))), small);
    await expect(failed).rejects.toMatchObject({
      metadata: { entry: "x/../../y", why: expect.stringContaining("..") },
    });
  });

  test("a compressed size over the limit is refused while it arrives", async () => {
    const limits = { ...small, maxCompressedBytes: 100 };
    await expect(checkArchive(bytes(tar(a, entry({ name: "n", body: noise(4000, 3) }))), limits)).rejects.toThrow(
      /larger than 100 bytes/,
    );
  });

  test("nothing is written of an archive that has too many entries", async () => {
    const out = join(dir, "out");
    await mkdir(out);
    const seen: (string | null)[] = [];
    const { promise: isOver, resolve } = Promise.withResolvers<void>();
    const watcher = watch(out, (_, name) => {
      if (name !== "out") seen.push(name);
      if (name === "last") resolve();
    });
    const crowd = tar(...Array.from({ length: 51 }, (_, i) => entry({ name: `f${i}` })));
    await expect(unpackArchive(await filed(crowd), out, small)).rejects.toThrow(/more than 50 entries/);
    await writeFile(join(out, "last"), "");
    await isOver;
    watcher.close();
    expect(new Set(seen)).toEqual(new Set(["last"]));
  });

  test("a directory with something in it is never unpacked into", async () => {
    await writeFile(join(dir, "mine"), "");
    await expect(unpackArchive(await filed(tar(a)), dir, small)).rejects.toThrow(/not empty/);
    expect(await readdir(dir)).toEqual(["archive.tgz", "mine"]);
  });
});

describe("honest archives", () => {
  test.each([0o000, 0o022, 0o077])("have the same modes whatever the umask of the agent: %o", async (mask) => {
    const before = process.umask(mask);
    try {
      await unpackArchive(
        await filed(tar(entry({ name: "a/b/main.tf", body: "x" }), entry({ name: "run.sh", mode: 0o700 }))),
        join(dir, "out"),
        small,
      );
      const modes = await Promise.all(
        ["", "a", "a/b", "a/b/main.tf", "run.sh"].map(
          async (name) => (await stat(join(dir, "out", name))).mode & 0o777,
        ),
      );
      expect(modes).toEqual([0o755, 0o755, 0o755, 0o644, 0o755]);
    } finally {
      process.umask(before);
    }
  });

  test("files, folders, modes, long and non-ASCII names, and links come out", async () => {
    const long = `${"långt/".repeat(30)}main.tf`;
    const archive = tar(
      entry({ name: "./", type: "5" }),
      entry({ name: "./main.tf", body: "x = 1\n" }),
      entry({ name: "./run.sh", body: "#!/bin/sh\n", mode: 0o700 }),
      entry({ name: "./empty/", type: "5" }),
      pax({ path: long }),
      entry({ name: "short", body: "deep" }),
      entry({ name: "link", type: "2", link: "empty/../main.tf" }),
      entry({ name: "empty/back", type: "2", link: ".." }),
    );
    const contents = await unpackArchive(await filed(archive), join(dir, "out"), small);
    expect(await checkArchive(bytes(...[...archive].map((byte) => Uint8Array.of(byte))), small)).toEqual(contents);
    expect(contents).toEqual({ files: 3, directories: 1, links: 2, bytes: 20, compressedBytes: archive.length });
    expect(await readFile(join(dir, "out/main.tf"), "utf8")).toBe("x = 1\n");
    expect((await stat(join(dir, "out/run.sh"))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(dir, "out", long), "utf8")).toBe("deep");
    expect(await readFile(join(dir, "out/link"), "utf8")).toBe("x = 1\n");
    expect(await readdir(join(dir, "out/empty/back"))).toContain("main.tf");
  });
});
