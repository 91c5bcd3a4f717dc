import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { type DatabaseHold, lockDatabase } from "./postgres-lock.ts";

describe.skipIf(!hasPostgres)("the lock of a PostgreSQL database", () => {
  let held: AsyncDisposableStack;
  let url: string;
  const stolen: Error[] = [];

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    stolen.length = 0;
    ({ url } = held.use(await createTestDatabase()));
  });
  afterEach(() => held.disposeAsync());

  const take = async (hold: DatabaseHold = { kind: "alone" }) => {
    const outcome = await lockDatabase({ url, hold, onStolen: (error) => stolen.push(error) });
    return outcome.kind === "locked" ? held.use(outcome.lock) : undefined;
  };

  async function query(text: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }
  const cut = () =>
    query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'windlassd lock' AND datname = current_database()",
    );
  const holders = async () =>
    (await query("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")).rows.map(({ pid }) =>
      Number(pid),
    );

  test("is one process's alone, until it lets go", async () => {
    const first = await take();
    expect(await take()).toBeUndefined();
    await first?.[Symbol.asyncDispose]();
    expect(await take()).toBeDefined();
  });

  test("is shared by replicas, which see each other, and keeps out who wants it alone", async () => {
    const one = await take({ kind: "shared", replica: "one" });
    const other = await take({ kind: "shared", replica: "other" });
    expect(await take()).toBeUndefined();
    const living = await one?.livingReplicas();
    expect(["one", "other", "third"].map((id) => living?.(id))).toEqual([true, true, false]);
    await other?.[Symbol.asyncDispose]();
    expect((await one?.livingReplicas())?.("other")).toBe(false);
    await one?.[Symbol.asyncDispose]();
    const alone = await take();
    expect(alone).toBeDefined();
    expect(await take({ kind: "shared", replica: "one" })).toBeUndefined();
  });

  test("tells how the database stands", async () => {
    const shared = await take({ kind: "shared", replica: "one" });
    expect(shared?.facts).toMatchObject({
      isReadOnly: false,
      isInRecovery: false,
      identity: expect.stringMatching(/\/\d+$/),
    });
    expect(Math.abs((shared?.facts.now.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  test("is taken again when its connection is lost", async () => {
    await take();
    const [before] = await holders();
    await cut();
    await expect.poll(holders, { timeout: 10_000 }).toEqual([expect.not.toSatisfy((pid) => pid === before)]);
    expect(stolen).toEqual([]);
  });

  test("tells that another has taken it meanwhile", async () => {
    await take();
    const thief = new pg.Client({ connectionString: url });
    await thief.connect();
    held.defer(() => thief.end());
    // Waits for the lock, and has it the moment the connection ends.
    const locking = thief.query("SELECT pg_advisory_lock(7345902)");
    await expect
      .poll(async () => (await query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).rowCount)
      .toBe(1);
    await cut();
    await locking;
    await expect.poll(() => stolen.length, { timeout: 10_000 }).toBe(1);
  });
});
