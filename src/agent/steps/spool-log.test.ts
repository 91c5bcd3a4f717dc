import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SpoolLog } from "./spool-log.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-spool-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

test("appends keep their order, reads stop at the end, the hash runs along", async () => {
  await using spool = await SpoolLog.open(join(dir, "log"));
  expect(await Promise.all([spool.append(Buffer.from("one ")), spool.append(Buffer.from("two "))])).toEqual([4, 8]);
  expect(await spool.tryAppend(Buffer.from("three"))).toEqual({ kind: "appended", end: 13 });
  expect(Buffer.from(await spool.read(4, 6)).toString()).toBe("two th");
  expect(Buffer.from(await spool.read(8, 1000)).toString()).toBe("three");
  expect(await spool.read(13, 10)).toHaveLength(0);
  expect(await spool.read(99, 10)).toHaveLength(0);
  expect(spool.sha256).toBe(hashOf("one two three"));
  await spool.sync();
  expect((await stat(join(dir, "log"))).mode & 0o777).toBe(0o600);
});

test("bytes are the same whether they are read from memory, from the file, or across both", async () => {
  await using spool = await SpoolLog.open(join(dir, "log"));
  const large = "x".repeat(20_000);
  const whole = Buffer.from(`first${large}last`);
  for (const text of ["first", large, "last"]) {
    const piece = Buffer.from(text);
    await spool.append(piece);
    piece.fill(0);
  }
  for (const [from, length] of [
    [0, whole.length],
    [20_005, 4],
    [20_006, 2],
    [20_000, 9],
    [20_007, 99],
    [5, 10],
  ] as const)
    expect(Buffer.from(await spool.read(from, length))).toEqual(whole.subarray(from, from + length));
});

test("a restart finds length and hash again and goes on", async () => {
  const path = join(dir, "log");
  {
    await using spool = await SpoolLog.open(path);
    await spool.append(Buffer.from("before "));
  }
  await using spool = await SpoolLog.open(path);
  expect(spool.end).toBe(7);
  await spool.append(Buffer.from("after"));
  expect(spool.sha256).toBe(hashOf("before after"));
  expect(await readFile(path, "utf8")).toBe("before after");
});

test("a full disk is an outcome, and half of an append is none", async () => {
  const program = `
    import { SpoolLog } from ${JSON.stringify(join(import.meta.dirname, "./spool-log.ts"))};
    process.on("SIGXFSZ", () => {});
    await using spool = await SpoolLog.open(${JSON.stringify(join(dir, "log"))});
    await spool.append(Buffer.alloc(1000, "a"));
    const outcome = await spool.tryAppend(Buffer.alloc(200_000, "b"));
    const thrown = await spool.append(Buffer.alloc(200_000, "b")).catch((error) => error.code);
    await spool.append(Buffer.from("c"));
    console.log(JSON.stringify([outcome.kind, outcome.end, thrown, spool.end, spool.sha256]));
  `;
  // 64 KiB is all that a file may have.
  const limited = ["-c", 'ulimit -f 64; exec "$0" --input-type=module -e "$1"', process.execPath, program];
  const { stdout, stderr } = spawnSync("bash", limited, { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual(["disk-full", 1000, "EFBIG", 1001, hashOf(`${"a".repeat(1000)}c`)]);
  expect(await readFile(join(dir, "log"), "utf8")).toBe(`${"a".repeat(1000)}c`);
});

test("what somebody else added is not read", async () => {
  await using spool = await SpoolLog.open(join(dir, "log"));
  await spool.append(Buffer.from("ours"));
  await appendFile(join(dir, "log"), "theirs");
  expect(Buffer.from(await spool.read(0, 100)).toString()).toBe("ours");
});
