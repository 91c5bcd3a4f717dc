import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { silentLog } from "./engine.ts";
import { PostgresNotices } from "./postgres-notices.ts";

describe.skipIf(!hasPostgres)("notices over PostgreSQL", () => {
  let held: AsyncDisposableStack;
  let url: string;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    ({ url } = held.use(await createTestDatabase()));
  });
  afterEach(() => held.disposeAsync());

  async function open() {
    const line = held.use(
      new PostgresNotices({ url, log: silentLog, clock: systemClock, random: systemRandom, isNeeded: () => true }),
    );
    const heard: string[] = [];
    const missed: true[] = [];
    await line.listen({ hear: (text) => heard.push(text), miss: () => missed.push(true) });
    return { line, heard, missed };
  }

  async function execute(text: string): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(text).finally(() => client.end());
  }

  test("each text comes to everybody who listens, the sender too, up to the largest", async () => {
    const [one, other] = [await open(), await open()];
    const large = "ä".repeat(1_000).padEnd(one.line.maxBytes - 1_000, "x");
    expect(Buffer.byteLength(large)).toBe(one.line.maxBytes);
    await one.line.send(["first", large]);
    await other.line.send(["third"]);
    const all = ["first", large, "third"];
    await expect.poll(() => one.heard).toEqual(all);
    await expect.poll(() => other.heard).toEqual(all);
    expect([one.missed, other.missed]).toEqual([[], []]);
  });

  test("a connection that is lost is made again, and says that something may be missing", async () => {
    const [one, other] = [await open(), await open()];
    await execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'windlassd notices' AND datname = current_database()",
    );
    await expect.poll(() => [one.missed.length, other.missed.length], { timeout: 20_000 }).toEqual([1, 1]);
    await one.line.send(["again"]);
    await expect.poll(() => other.heard).toEqual(["again"]);
  });

  test("a text that cannot be sent is told of", async () => {
    const { line } = await open();
    await expect(line.send(["x".repeat(line.maxBytes + 1)])).rejects.toThrow("too long");
    await line[Symbol.asyncDispose]();
    await expect(line.send(["late"])).rejects.toThrow("away");
  });
});
