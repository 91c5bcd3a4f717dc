import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packDirectory } from "../../lib/archive/pack.ts";
import { bringRelease } from "./bring.ts";
import type { ChosenRelease } from "./check.ts";
import { Slots } from "./slots.ts";

let dir: string;
let slots: Slots;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-bring-"));
  slots = new Slots(join(dir, "data"));
  await slots.make();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** An archive of these files. */
async function archive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const from = await mkdtemp(join(dir, "from-"));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(from, name, ".."), { recursive: true });
    await writeFile(join(from, name), content);
  }
  await using packed = await packDirectory(from, { maxBytes: 1e8 });
  return readFile(packed.file);
}

const program = { "windlass-agent-1.4.2/bin/windlass-agent": "#!/bin/sh\n" };

/** Brings what a source gives for the archive that the manifest tells of. */
async function bring(told: Buffer, given: Buffer, more: { readonly minFreeBytes?: number } = {}) {
  const sha256 = createHash("sha256").update(told).digest("hex");
  const artifact = { os: "linux", arch: "x64", file: "agent.tar.gz", size: told.length, sha256 };
  const chosen: ChosenRelease = {
    kind: "chosen",
    artifact,
    release: { version: "1.4.2", min_server: "1.0.0", journal_format: 1, artifacts: [artifact] },
  };
  const source = { fetch: async (_: unknown, file: string) => writeFile(file, given) };
  return bringRelease({ slots, source, minFreeBytes: more.minFreeBytes ?? 0 }, chosen, new AbortController().signal);
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe("a version", () => {
  test("is brought to its slot, and is not fetched again", async () => {
    const good = await archive(program);
    expect(await bring(good, good)).toEqual({ kind: "brought" });
    expect(await isThere(join(slots.of("1.4.2"), "bin/windlass-agent"))).toBe(true);
    expect(await bring(good, Buffer.from("nobody asks for this"))).toEqual({ kind: "brought" });
    expect(await readdir(slots.root)).toEqual(["1.4.2"]);
  });

  test.each<[string, (good: Buffer) => Promise<Parameters<typeof bring>>, string, RegExp]>([
    ["there is no room for it", async (good) => [good, good, { minFreeBytes: 2 ** 60 }], "NO_SPACE", /are needed/],
    [
      "it is shorter than the manifest says",
      async (good) => [good, good.subarray(1)],
      "DOWNLOAD",
      /has \d+ bytes, and the/,
    ],
    [
      "it is longer",
      async (good) => [good, Buffer.concat([good, Buffer.alloc(9)])],
      "DOWNLOAD",
      /has \d+ bytes, and the/,
    ],
    ["it is another one of the same length", async (good) => [good, flipped(good)], "DOWNLOAD", /has SHA-256/],
    ["it is no archive", async () => [Buffer.from("x"), Buffer.from("x")], "DOWNLOAD", /./],
    [
      "it has more than one directory at its top",
      async () => {
        const two = await archive({ "a/x": "1", "b/x": "2" });
        return [two, two];
      },
      "DOWNLOAD",
      /not one directory/,
    ],
  ])("is refused if %s: nothing of it can be started", async (_, make, reason, detail) => {
    const outcome = await bring(...(await make(await archive(program))));
    expect(outcome).toMatchObject({ kind: "refused", reason });
    expect("detail" in outcome ? outcome.detail : "").toMatch(detail);
    expect(await readdir(slots.root)).toEqual([]);
  });
});

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[20] = (changed[20] ?? 0) ^ 1;
  return changed;
}
