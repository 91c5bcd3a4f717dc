import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../lib/clock.ts";
import { openSqliteLogStore } from "./sqlite.ts";
import { SpareLogThread } from "./thread-client.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-spare-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const stream = "job_a-1";

test("a spare thread opens no file before a store asks for one, and then is that store's", async () => {
  await using spare = new SpareLogThread();
  const path = join(dir, "logs.db");
  expect(existsSync(path)).toBe(false);
  {
    await using store = await openSqliteLogStore(path, systemClock, spare);
    expect(spare.take()).toBeUndefined();
    await store.append(stream, 0, Buffer.from("abc"));
    expect(Buffer.from((await store.read(stream, 0, 10)).bytes).toString()).toBe("abc");
  }
  await using again = await openSqliteLogStore(path, systemClock, spare);
  expect(await again.nextOffset(stream)).toBe(3);
});

test("one that nobody took ends when it is disposed; one that was taken goes on", async () => {
  const spare = new SpareLogThread();
  const thread = spare.take();
  if (thread === undefined) throw new Error("there is no thread");
  await spare[Symbol.asyncDispose]();
  const answer = once(thread, "message");
  thread.postMessage({ kind: "open", options: { path: join(dir, "logs.db"), role: "write" } });
  expect(await answer).toEqual([{ kind: "ready" }]);
  await thread.terminate();
  await using _unused = new SpareLogThread();
});
