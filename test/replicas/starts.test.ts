/** What a server looks at before it serves a database, and while it does. */
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { memoryLog } from "../../src/lib/program/log.ts";
import { openServer, type Server } from "../../src/server/server.ts";
import { createTestDatabase, hasPostgres } from "../postgres.ts";
import { settingsOf, temporaryDirectory } from "../support/server.ts";

describe.skipIf(!hasPostgres)("a server on PostgreSQL", () => {
  let held: AsyncDisposableStack;
  let url: string;
  let dir: string;
  const masterKey = "ab".repeat(32);

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    ({ url } = held.use(await createTestDatabase()));
    dir = await temporaryDirectory(held);
  });
  afterEach(() => held.disposeAsync());

  async function open(name: string, clock: Clock = systemClock): Promise<Server> {
    const environment = { PATH: "", WINDLASS_MASTER_KEY: masterKey };
    const settings = settingsOf({ "data-dir": `${dir}/${name}`, "database-url": url }, environment);
    return held.use(await openServer({ settings, environment, log: memoryLog().log, clock }));
  }

  async function execute(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  const movedClock = (byMs: () => number): Clock => ({
    ...systemClock,
    now: () => new Date(systemClock.now().getTime() + byMs()),
  });
  const ready = async ({ url: at }: Server) => {
    const answer = await fetch(`${at}/readyz`);
    return [answer.status, await answer.json()];
  };

  test("is refused where its clock is far from the database's, and says how far", async () => {
    for (const [ms, said] of [
      [90_000, /8[789] s ahead of the database's|90 s ahead of the database's/],
      [-90_000, /9\d s behind the database's/],
    ] as const)
      await expect(
        open(
          "strayed",
          movedClock(() => ms),
        ),
      ).rejects.toThrow(said);
  });

  test("is refused where the database takes no writes", async () => {
    const name = new URL(url).pathname.slice(1);
    await execute(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await expect(open("readonly")).rejects.toMatchObject({
      exitCode: 7,
      message: expect.stringMatching(/the database is read-only.*default_transaction_read_only = off/),
    });
  });

  test("is not ready while its clock strays, and is again when it is set", async () => {
    let byMs = 0;
    const server = await open(
      "one",
      movedClock(() => byMs),
    );
    expect(await ready(server)).toEqual([200, { status: "ready" }]);
    byMs = 60_000;
    await expect
      .poll(() => ready(server), { timeout: 30_000 })
      .toEqual([503, { status: "not ready", reason: expect.stringContaining("ahead of the database's") }]);
    byMs = 0;
    await expect.poll(() => ready(server), { timeout: 30_000 }).toEqual([200, { status: "ready" }]);
  });

  test("is not ready while the database takes no writes", { timeout: 90_000 }, async () => {
    const server = await open("one");
    const name = new URL(url).pathname.slice(1);
    await execute(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'windlassd' AND datname = current_database()",
    );
    await expect
      .poll(() => ready(server), { timeout: 60_000 })
      .toEqual([
        503,
        { status: "not ready", reason: expect.stringMatching(/the database cannot be used: .*read-only/) },
      ]);
    await execute(
      "SET default_transaction_read_only = off",
      `ALTER DATABASE ${name} RESET default_transaction_read_only`,
    );
    await execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'windlassd' AND datname = current_database()",
    );
    await expect.poll(() => ready(server), { timeout: 30_000 }).toEqual([200, { status: "ready" }]);
  });
});
