import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFilesIn, temporaryDirectory } from "../testing.ts";
import { blobPart, manifestName, type PartName } from "./manifest.ts";
import { fileParts, type PartSource, textPart, writeArchive } from "./pack.ts";
import { readManifest, unpackBackup } from "./unpack.ts";

let held: AsyncDisposableStack;
let dir: string;
let archive: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
  archive = join(dir, "backup.tar.gz");
});
afterEach(() => held.disposeAsync());

const sumOf = (text: string) => createHash("sha256").update(text).digest("hex");
const write = (parts: readonly PartSource[]) => writeArchive(parts, createWriteStream(archive));

/** What a backup with these parts says of itself; `change` says something else. */
const manifestOf = (parts: readonly PartSource[], change: object = {}): PartSource =>
  textPart(
    manifestName,
    JSON.stringify({
      ...{ format: 1, version: "0.1.0", engine: "sqlite", schemaVersion: 3, generation: "g" },
      ...{ createdAt: "2026-01-02T03:04:05.678Z", masterKeyId: "k", hasMasterKey: true },
      parts: parts.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
      ...change,
    }),
  );

const placeOf = (what: PartName): string => join(dir, "out", what.kind === "blob" ? `blob-${what.key}` : what.file);
const unpack = () => unpackBackup(archive, placeOf);
const out = (name: string) => readFile(join(dir, "out", name), "utf8");

/** Of two pieces that do not end at tar's blocks. */
const blob = "€".repeat(700);
const parts = () => [
  textPart("master.key", "aa\n"),
  textPart("windlass.db", "rows"),
  textPart("logs.db", "first piece, "),
  textPart("logs.db.2", "second piece"),
  textPart(blobPart(sumOf(blob)), blob),
];

describe("what was packed", () => {
  test("is unpacked as it was, pieces of a file joined, each for its owner alone", async () => {
    await write([manifestOf(parts()), ...parts()]);
    expect(await readManifest(archive)).toMatchObject({ generation: "g", masterKeyId: "k" });
    const places = await unpack();
    expect(places.map((path) => path.slice(dir.length + 1))).toEqual([
      ...["out/master.key", "out/windlass.db", "out/logs.db", "out/logs.db", `out/blob-${sumOf(blob)}`],
    ]);
    expect([await out("master.key"), await out("windlass.db")]).toEqual(["aa\n", "rows"]);
    expect(await out("logs.db")).toBe("first piece, second piece");
    expect(await out(`blob-${sumOf(blob)}`)).toBe(blob);
    expect(openFilesIn(dir)).toEqual([]);
    for (const name of await readdir(join(dir, "out")))
      expect(((await stat(join(dir, "out", name))).mode & 0o777).toString(8)).toBe("600");
  });

  test("of files on the disk is what they were, of an empty one too", async () => {
    await writeFile(join(dir, "rows"), "content");
    await writeFile(join(dir, "empty"), "");
    const found = [
      ...(await fileParts("windlass.db", join(dir, "rows"))),
      ...(await fileParts("logs.db", join(dir, "empty"))),
    ];
    expect(found.map(({ name, bytes, sha256 }) => [name, bytes, sha256])).toEqual([
      ["windlass.db", 7, sumOf("content")],
      ["logs.db", 0, sumOf("")],
    ]);
    await write([manifestOf(found), ...found]);
    await unpack();
    expect([await out("windlass.db"), await out("logs.db")]).toEqual(["content", ""]);
  });

  test("is the same file every time: it tells neither when nor by whom", async () => {
    const files = [manifestOf(parts()), ...parts()];
    await write(files);
    const first = gunzipSync(await readFile(archive));
    await write(files);
    expect(gunzipSync(await readFile(archive)).equals(first)).toBe(true);
  });
});

describe("a part is not packed", () => {
  const lying = (change: Partial<PartSource>): PartSource => ({ ...textPart("windlass.db", "rows"), ...change });

  test.each<[string, Partial<PartSource>]>([
    ["shorter", { bytes: 5 }],
    ["longer", { bytes: 3 }],
    ["other bytes", { sha256: sumOf("rovs") }],
  ])("that has become %s since it was looked at", async (_, change) => {
    await expect(write([lying(change)])).rejects.toThrow("windlass.db is not what it was stored as: check the disk");
  });

  test("that cannot be read: its own error is told", async () => {
    const read = async function* () {
      yield Buffer.from("ro");
      throw new Error("EIO");
    };
    await expect(write([lying({ read })])).rejects.toThrow("EIO");
  });
});

describe("an archive is refused", () => {
  const refused = async (message: string | RegExp) => {
    const why = expect.objectContaining({ code: "validation", message: expect.stringMatching(message) });
    await expect(unpack()).rejects.toEqual(why);
  };
  const without = (name: string) => parts().filter((part) => part.name !== name);

  test("that lacks a part", async () => {
    await write([manifestOf(parts()), ...without("windlass.db")]);
    await refused("no whole backup of windlassd: windlass.db is missing");
  });

  test("with a part that it does not know of, or that no backup has", async () => {
    await write([manifestOf(without("windlass.db")), ...parts()]);
    await refused("windlass.db does not belong into it");
    const stray = textPart("etc-passwd", "x");
    await write([manifestOf([stray]), stray]);
    await refused("etc-passwd does not belong into it");
    expect(await readdir(join(dir, "out"))).not.toContain("etc-passwd");
  });

  test("with a part twice", async () => {
    await write([manifestOf(parts()), ...parts(), textPart("windlass.db", "rows")]);
    await refused("windlass.db does not belong into it");
  });

  test("with a part of another size or content", async () => {
    const [rows] = [textPart("windlass.db", "rows")];
    await write([manifestOf([{ ...rows, bytes: 5 }]), rows]);
    await refused("windlass.db has 4 bytes instead of 5");
    await mkdir(join(dir, "other"));
    await write([manifestOf([{ ...rows, sha256: sumOf("rovs") }]), rows]);
    await expect(unpackBackup(archive, () => join(dir, "other", "rows"))).rejects.toThrow(
      /windlass.db has the SHA-256 [0-9a-f]{64} instead of/,
    );
  });

  test("that begins with something else, or says that it is of another format", async () => {
    await write(parts());
    await expect(readManifest(archive)).rejects.toThrow("it does not begin with a manifest");
    await write([manifestOf(parts(), { format: 2 }), ...parts()]);
    await refused("its manifest is not of format 1");
    await write([]);
    await expect(readManifest(archive)).rejects.toThrow("no whole backup");
  });

  test.each([
    ["that is no archive", async () => Buffer.from("no backup at all")],
    ["that is empty", async () => Buffer.alloc(0)],
    ["that is cut off", async (whole: Buffer) => whole.subarray(0, whole.length - 20)],
    [
      "whose content is cut off in a whole envelope",
      async (whole: Buffer) => gzipSync(gunzipSync(whole).subarray(0, -2_000)),
    ],
    ["whose checksum of a header is wrong", async (whole: Buffer) => gzipSync(flipped(gunzipSync(whole), 150))],
  ])("%s", async (_, damage) => {
    await write([manifestOf(parts()), ...parts()]);
    await writeFile(archive, await damage(await readFile(archive)));
    await refused("no whole backup of windlassd");
  });

  test("over a file that is there already: it stays as it is", async () => {
    await write([manifestOf(parts()), ...parts()]);
    await mkdir(join(dir, "out"));
    await writeFile(join(dir, "out", "windlass.db"), "somebody's");
    await expect(unpack()).rejects.toMatchObject({ code: "EEXIST" });
    expect(await out("windlass.db")).toBe("somebody's");
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  return bytes;
}
