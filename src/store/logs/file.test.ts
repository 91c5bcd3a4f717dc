import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LogFile, logFileVersion } from "./file.ts";
import { LogFileReader } from "./file-reader.ts";

let dir: string;
let path: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-log-file-"));
  path = join(dir, "logs.db");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Appends to a stream, as a program that knows times. */
function append(stream: string, offset: number, text: string, atMs: number): void {
  const file = new LogFile(path);
  file.commit([{ kind: "append", stream, offset, bytes: Buffer.from(text), atMs }]);
  file.close();
}

/** Does what a program does that knows no times. */
function older(sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

function timesOf(stream: string): readonly (readonly [number, number])[] {
  const reader = new LogFileReader(path);
  const { told } = reader.times({ kind: "times", stream, from: 0, to: 100 });
  reader.close();
  return told.times.map(({ offset, at }) => [offset, at.getTime()]);
}

test("a file of an older program gets times from now on, and stays one that it can open", () => {
  append("s/1", 0, "old", 1_000);
  older("DROP TRIGGER times_go; DROP TABLE times;");
  append("s/1", 3, "new", 7_000);
  expect(timesOf("s/1")).toEqual([[3, 7_000]]);
  const db = new Database(path, { readonly: true });
  expect(db.pragma("user_version", { simple: true })).toBe(logFileVersion);
  db.close();
  expect(logFileVersion).toBe(1);
});

test("once a log has moved elsewhere an older program does not open the file: it would read zeros", () => {
  append("s/1", 0, "abc", 1_000);
  const sha256 = createHash("sha256").update("abc").digest("hex");
  const file = new LogFile(path);
  file.commit([{ kind: "seal", stream: "s/1", length: 3, sha256 }]);
  file.commit([{ kind: "archive", stream: "s/1", move: { key: "k", was: null, sha256 } }]);
  file.close();
  const db = new Database(path);
  expect(db.pragma("user_version", { simple: true })).toBe(logFileVersion + 1);
  append("s/2", 0, "xyz", 1_000);
  db.pragma(`user_version = ${logFileVersion + 2}`);
  db.close();
  expect(() => append("s/2", 3, "abc", 2_000)).toThrow("start the newer windlassd");
});

test("times go with a stream that an older program deletes: another one may get its number", () => {
  append("s/1", 0, "abc", 1_000);
  older(
    "DELETE FROM pieces; DELETE FROM streams; INSERT INTO streams (name, length, status) VALUES ('s/2', 0, 'open');",
  );
  expect(timesOf("s/2")).toEqual([]);
  append("s/2", 0, "xyz", 9_000);
  expect(timesOf("s/2")).toEqual([[0, 9_000]]);
});

test("a stream that an older program emptied begins anew with new times", () => {
  append("s/1", 0, "abc", 1_000);
  older("DELETE FROM pieces; UPDATE streams SET length = 0");
  append("s/1", 0, "abc", 1_200);
  expect(timesOf("s/1")).toEqual([[0, 1_200]]);
});

test("a commit that fails leaves no time", () => {
  append("s/1", 0, "abc", 1_000);
  older("CREATE TRIGGER full BEFORE INSERT ON pieces BEGIN SELECT raise(ABORT, 'full'); END");
  expect(() => append("s/1", 3, "def", 9_000)).toThrow("full");
  expect(timesOf("s/1")).toEqual([[0, 1_000]]);
});

test("what is read in a snapshot is seen as it was at its beginning", () => {
  append("s/1", 0, "abc", 1_000);
  const reader = new LogFileReader(path);
  const read = () => reader.read({ kind: "read", stream: "s/1", offset: 0, maxBytes: 100 });
  const [before, after] = reader.snapshot(() => {
    const first = read();
    append("s/1", 3, "def", 2_000);
    return [first, read()];
  });
  expect(after).toEqual(before);
  expect(reader.snapshot(read).length).toBe(6);
  expect(() =>
    reader.snapshot(() => {
      throw new Error("broken");
    }),
  ).toThrow("broken");
  expect(reader.snapshot(read).length).toBe(6);
  reader.close();
});
