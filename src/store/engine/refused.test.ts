import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { refused } from "./refused.ts";

describe.skipIf(!hasPostgres)("a caller is told what PostgreSQL lacks", () => {
  let held: AsyncDisposableStack;
  let url: string;
  beforeAll(async () => {
    held = new AsyncDisposableStack();
    ({ url } = held.use(await createTestDatabase()));
  });
  afterAll(() => held?.disposeAsync());

  /** What the server answers to these statements, of which the last one fails. */
  async function failure(...statements: readonly string[]): Promise<unknown> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } catch (error) {
      return error;
    } finally {
      await client.end().catch(() => {});
    }
    throw new Error("the last statement was to fail");
  }

  /** An error with the code that a server has for what cannot be brought about here. */
  const raised = (code: string) => failure(`DO $$ BEGIN RAISE EXCEPTION 'it is so' USING ERRCODE = '${code}'; END $$`);

  test.each([
    ["a full disk, 53100", () => raised("53100"), "the disk of the database is full"],
    ["no memory, 53200", () => raised("53200"), "the database has not enough memory"],
    ["no connection, 53300", () => raised("53300"), "the database has no free connection"],
    [
      "a limit of its settings, 53400",
      () => failure("SET temp_file_limit = 0", sortOfMuch),
      "the database has no room",
    ],
    [
      "no changes, 25006",
      () => failure("SET default_transaction_read_only = on", "CREATE TABLE t (x int)"),
      "the database is read-only for now",
    ],
    [
      "a statement that takes too long, 57014",
      () => failure("SET statement_timeout = 20", "SELECT pg_sleep(60)"),
      "the database took too long",
    ],
    [
      "an administrator's stop, 57P01",
      () => failure("SELECT pg_terminate_backend(pg_backend_pid())"),
      "the database cannot be reached by the server: its log and /readyz say why",
    ],
    ["a start that is under way, 57P03", () => raised("57P03"), "the database cannot be reached"],
  ])("%s", async (_name, fail, message) => {
    const cause = await fail();
    expect(refused(cause)).toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining(message),
      cause,
    });
  });
});

const sortOfMuch =
  "SET work_mem = '64kB'; SELECT count(*) FROM (SELECT x FROM generate_series(1, 200000) AS x ORDER BY -x) AS y";
