import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bytes, ending, entry, noise, pax, tar, withBytes } from "../../../test/support/archive.ts";
import { checkArchive, defaultArchiveLimits } from "./unpack.ts";

const a = entry({ name: "a.tf", body: "hello" });
const b = entry({ name: "b.tf", body: noise(30_000, 3) });
const whole = tar(a, b);
const plain = Buffer.concat([a, b, ending]);

const flipped = (archive: Buffer, at: number): Buffer => {
  const copy = Buffer.from(archive);
  const index = at < 0 ? archive.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 0xff;
  return copy;
};

const long = "n".repeat(300);
const shortened = `"${"n".repeat(55)}…${"n".repeat(55)}"`;

/** What is uploaded, and what is said of it. */
const table: ReadonlyArray<readonly [string, Buffer, string]> = [
  ["an empty upload", Buffer.alloc(0), "the archive is empty: expected a gzipped tar"],
  [
    "zeros",
    Buffer.alloc(4096),
    "the archive begins with zeros: it was written or sent only in part: expected a gzipped tar",
  ],
  [
    "a few zeros",
    Buffer.alloc(3),
    "the archive begins with zeros: it was written or sent only in part: expected a gzipped tar",
  ],
  ["a plain tar", plain, "the archive is a tar that is not compressed: expected a gzipped tar"],
  ["a zip", Buffer.from("504b030414000000", "hex"), "the archive is a zip file: expected a gzipped tar"],
  ["an empty zip", Buffer.from("504b050600000000", "hex"), "the archive is a zip file: expected a gzipped tar"],
  ["xz", Buffer.from("fd377a585a000004", "hex"), "the archive is compressed with xz: expected a gzipped tar"],
  ["zstd", Buffer.from("28b52ffd20000000", "hex"), "the archive is compressed with zstd: expected a gzipped tar"],
  ["bzip2", Buffer.from("BZh91AY&SY"), "the archive is compressed with bzip2: expected a gzipped tar"],
  [
    "text",
    Buffer.from("<html>"),
    "the archive is not a gzip file, it begins with the bytes 3c68746d: expected a gzipped tar",
  ],
  ["a damaged gzip header", flipped(whole, 2), "the archive has a damaged gzip header: it was changed on its way"],
  ["gzip in gzip", gzipSync(tar(entry({ name: "n", body: noise(2000, 5) }))), "the archive is compressed twice"],
  [
    "text in gzip",
    gzipSync("x".repeat(2000)),
    "the archive is not a tar file: what is compressed in it begins with no entry",
  ],
  [
    "a wrong checksum of the whole",
    flipped(whole, -6),
    'the archive has a wrong checksum at its end after the entry "b.tf": it was changed on its way',
  ],
  [
    "a wrong length",
    flipped(whole, -1),
    'the archive has a wrong checksum at its end after the entry "b.tf": it was changed on its way',
  ],
  [
    "bytes after the end of the gzip data",
    Buffer.concat([whole, Buffer.from("more")]),
    'the archive goes on after its end with something else after the entry "b.tf"',
  ],
  [
    "a second archive after the first",
    Buffer.concat([whole, whole]),
    'the archive goes on after its end mark after the entry "b.tf"',
  ],
  ["damaged data", flipped(tar(a, b, entry({ name: "c" })), -40), "DAMAGED"],
  [
    "a cut in the data of an entry",
    whole.subarray(0, 20_000),
    'an entry is cut short, up to BYTES bytes of it are missing: "b.tf"',
  ],
  [
    "a cut in the first bytes",
    whole.subarray(0, 5),
    "the archive is cut short: its end mark is missing before its first entry",
  ],
  [
    "a lost end of the gzip data",
    whole.subarray(0, -4),
    'the archive is cut short: the checksum at its end is missing after the entry "b.tf"',
  ],
  ["no end mark", gzipSync(a), 'the archive is cut short: its end mark is missing after the entry "a.tf"'],
  [
    "a cut header",
    gzipSync(Buffer.concat([a, b.subarray(0, 200)])),
    'the archive is cut short in the header after the entry "a.tf"',
  ],
  [
    "a cut extended header",
    gzipSync(Buffer.concat([a, pax({ path: "p" }).subarray(0, 600)])),
    'the archive is cut short in an extended header after the entry "a.tf"',
  ],
  ["a damaged first header", tar(flipped(a, 3), b), "the archive has a damaged header before its first entry"],
  ["a damaged second header", tar(a, flipped(b, 3)), 'the archive has a damaged header after the entry "a.tf"'],
  [
    "an impossible size",
    tar(a, withBytes(b, 124, Buffer.alloc(12, 0x80))),
    'the archive has a damaged header after the entry "a.tf"',
  ],
  [
    "a NUL in a name",
    tar(pax({ path: "x\0y" }), a),
    'an entry has a NUL in its name or its extended header: "x\\u0000y"',
  ],
  [
    "a NUL in a long name",
    tar(entry({ name: "././@LongLink", type: "L", body: "x\0y\0" }), a),
    'an entry has a NUL in its name or its extended header: "x\\u0000y"',
  ],
  [
    "a PAX sparse file",
    tar(a, pax({ "GNU.sparse.major": "1" }), b),
    'the archive holds a sparse file after the entry "a.tf"',
  ],
  ["a long segment", tar(pax({ path: long }), a), `an entry has a name segment of more than 255 bytes: ${shortened}`],
  [
    "a long name upwards",
    tar(pax({ path: `../${long}` }), a),
    `an entry leaves the archive with '..': "../${"n".repeat(52)}…${"n".repeat(55)}"`,
  ],
  [
    "a link to a long place",
    tar(pax({ linkpath: `/${long}` }), entry({ name: "l", type: "2", link: "x" })),
    `an entry is a link to the absolute path "/${"n".repeat(54)}…${"n".repeat(55)}": "l"`,
  ],
];

describe("what is wrong with an archive is told in words of its own, with the entry or the one before it", () => {
  test.each(table)("%s", async (_, archive, words) => {
    const message = await checkArchive(bytes(archive), defaultArchiveLimits).then(
      () => "taken",
      (error: Error) => error.message,
    );
    if (words === "DAMAGED")
      expect(message).toMatch(
        /^the archive has (damaged data|a wrong checksum at its end) after the entry "(b\.tf|c)": it was changed on its way$/,
      );
    else expect(message.replace(/up to \d+ bytes/, "up to BYTES bytes")).toBe(words);
  });

  test("whichever byte is changed, and wherever it is cut, it is said of the archive and never of a program's fault", async () => {
    const small = tar(a, entry({ name: "b.tf", body: noise(600, 9) }));
    for (let at = 0; at < small.length; at += 1) {
      for (const archive of [flipped(small, at), small.subarray(0, at)]) {
        const found = await checkArchive(bytes(archive), defaultArchiveLimits).then(
          () => "taken",
          (error: { code?: unknown }) => error.code,
        );
        // Time and system in the header of gzip may be anything.
        if (found !== "taken" || at < 3 || at > 9) expect([at, found]).toEqual([at, "archive_rejected"]);
      }
    }
  });
});

describe("everything is counted before anything is written", () => {
  const limits = { ...defaultArchiveLimits, maxEntries: 50, maxNamesBytes: 2_000 };
  const refusal = (archive: Buffer) =>
    checkArchive(bytes(archive), limits).then(
      () => "taken",
      (error: Error) => error.message,
    );

  test("directories that only follow from names count as entries", async () => {
    const deep = entry({ name: `${"d/".repeat(48)}f` });
    const wide = tar(...Array.from({ length: 26 }, (_, i) => entry({ name: `d${i}/f` })));
    expect(await refusal(tar(deep))).toBe(
      `an entry makes all names together longer than 2000 bytes: ${JSON.stringify(`${"d/".repeat(48)}f`)}`,
    );
    expect(await refusal(wide)).toBe(
      'an entry is one too many: at most 50 entries are taken, with their directories: "d25/f"',
    );
  });

  test("names count together", async () => {
    const named = (count: number) =>
      tar(...Array.from({ length: count }, (_, i) => entry({ name: `${i}`.padStart(99, "n") })));
    expect(await refusal(named(20))).toBe("taken");
    expect(await refusal(named(21))).toMatch(/makes all names together longer than 2000 bytes/);
  });
});
