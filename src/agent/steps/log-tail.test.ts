import { appendFile, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../lib/clock.ts";
import { tailFile } from "./log-tail.ts";

let file = "";
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-tail-"));
  file = join(dir, "log");
  await writeFile(file, "");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Notifications alone have to do it: a poll would come too late for the test. */
const pollMs = 3_600_000;

test("gives bytes as they are written, from an offset, and ends after the writer", async () => {
  await writeFile(file, "0123456789");
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const tail = tailFile(file, { clock: systemClock, ended, fromOffset: 4, pollMs });
  const next = async () => Buffer.from((await tail.next()).value ?? []).toString();
  expect(await next()).toBe("456789");
  for (const text of ["a", "bc", "é"]) {
    const read = next();
    await appendFile(file, text);
    expect(await read).toBe(text);
  }
  await appendFile(file, "the end");
  resolve();
  expect(await next()).toBe("the end");
  expect((await tail.next()).done).toBe(true);
});

test("a writer that ended long ago, or failed, is read to the end", async () => {
  await writeFile(file, "x".repeat(200_000));
  let bytes = 0;
  for await (const chunk of tailFile(file, { clock: systemClock, ended: Promise.reject(new Error("gone")), pollMs }))
    bytes += chunk.length;
  expect(bytes).toBe(200_000);
});

test("ends while it waits", async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const rest = tailFile(file, { clock: systemClock, ended, pollMs }).next();
  resolve();
  expect((await rest).done).toBe(true);
});

test("an abort ends it with its reason", async () => {
  const abort = new AbortController();
  const tail = tailFile(file, { clock: systemClock, ended: new Promise(() => {}), signal: abort.signal, pollMs });
  const next = tail.next();
  abort.abort(new Error("stopping"));
  await expect(next).rejects.toThrow("stopping");
});

test("a poll finds what no notification told", async () => {
  await using handle = await open(file, "a");
  const tail = tailFile(file, { clock: systemClock, ended: new Promise(() => {}), pollMs: 5 });
  const next = tail.next();
  await handle.write("late");
  expect(Buffer.from((await next).value ?? []).toString()).toBe("late");
  await tail.return(undefined);
});
