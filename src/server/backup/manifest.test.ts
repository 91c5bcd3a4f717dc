import { expect, test } from "vitest";
import { backupFormat, blobPart, type PartName, parseManifest, readPartName } from "./manifest.ts";

const sha256 = "0".repeat(64);
const manifest = {
  ...{ format: backupFormat, version: "0.1.0", engine: "sqlite", schemaVersion: 3, generation: "g" },
  ...{ createdAt: "2026-01-02T03:04:05.678Z", masterKeyId: "k", hasMasterKey: false },
  parts: [{ name: "windlass.db", bytes: 0, sha256 }],
};

test("a manifest is read as it was written, its time as an instant", () => {
  expect(parseManifest(JSON.stringify(manifest))).toEqual({
    ...manifest,
    createdAt: new Date("2026-01-02T03:04:05.678Z"),
  });
});

test.each<[string, unknown]>([
  ["a later format", { ...manifest, format: backupFormat + 1 }],
  ["another engine", { ...manifest, engine: "mysql" }],
  ["no time", { ...manifest, createdAt: "yesterday" }],
  ["a negative size", { ...manifest, parts: [{ name: "windlass.db", bytes: -1, sha256 }] }],
  ["half a sum", { ...manifest, parts: [{ name: "windlass.db", bytes: 1, sha256: "00" }] }],
  ["no parts", { ...manifest, parts: undefined }],
  ["something else", []],
])("one with %s is refused as no backup, with what is wrong", (_, content) => {
  expect(() => parseManifest(JSON.stringify(content))).toThrow(
    expect.objectContaining({
      code: "validation",
      message: expect.stringMatching(/^the file is no whole backup of windlassd: its manifest is not of format 1 \(/),
    }),
  );
});

test("what is no JSON is no manifest", () => {
  expect(() => parseManifest("{")).toThrow("its manifest is not of format 1");
});

test.each<[string, PartName]>([
  ["windlass.db", { kind: "file", file: "windlass.db", piece: 1 }],
  ["logs.db", { kind: "file", file: "logs.db", piece: 1 }],
  ["logs.db.2", { kind: "file", file: "logs.db", piece: 2 }],
  ["logs.db.99999", { kind: "file", file: "logs.db", piece: 99_999 }],
  ["master.key", { kind: "file", file: "master.key", piece: 1 }],
  [blobPart(sha256), { kind: "blob", key: sha256 }],
])("%s is a part", (name, part) => {
  expect(readPartName(name)).toEqual(part);
});

test.each([
  ...["", "other.db", "logs.db.0", "logs.db.01", "logs.db.100000", "../windlass.db", "/windlass.db", "windlass.db/x"],
  ...["blobs/../windlass.db", "blobs/", `blobs/${"g".repeat(64)}`, `${blobPart(sha256)}.2`, "constructor"],
])("%j is none: nothing is written outside of what a backup has", (name) => {
  expect(readPartName(name)).toBeUndefined();
});
