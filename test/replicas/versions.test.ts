/** Servers of neighbouring versions on one PostgreSQL: a migration is the difference between them. */
import pg from "pg";
import { describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { migratePostgres } from "../../src/store/engine/migrate.ts";
import { schemaState } from "../../src/store/open.ts";
import { createTestDatabase, hasPostgres } from "../postgres.ts";
import { openScene, type TestServer } from "../support/scene.ts";
import { journalOf, migrationsRoot, newerMigrations, olderMigrations } from "../support/store/migration-sets.ts";

const known = (await journalOf(`${migrationsRoot}postgres`)).entries;

/** What the next version may add to each table: something to read, something that it always writes, and an index. */
const expansion = (tables: readonly string[]): string =>
  [
    "CREATE TABLE later (id text PRIMARY KEY)",
    ...tables.flatMap((table) => [
      `ALTER TABLE "${table}" ADD COLUMN later_text text`,
      `ALTER TABLE "${table}" ADD COLUMN later_count bigint DEFAULT 0 NOT NULL`,
      `CREATE INDEX "later_${table}" ON "${table}" (later_count)`,
    ]),
  ].join(";--> statement-breakpoint\n");

/** What the version after it takes away again. */
const contraction = (tables: readonly string[]): string =>
  tables.map((table) => `ALTER TABLE "${table}" DROP COLUMN later_text`).join(";--> statement-breakpoint\n");

async function applyTo({ databaseUrl }: Pick<TestServer, "databaseUrl">, folder: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await migratePostgres(client, { folder });
  } finally {
    await client.end();
  }
}

async function tablesOf({ databaseUrl }: Pick<TestServer, "databaseUrl">): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

describe.skipIf(!hasPostgres)("servers of neighbouring versions", { timeout: 180_000 }, () => {
  test("the older ones go on with what a newer one has added, and taken away again; started there, they say what to do", async () => {
    await using held = new AsyncDisposableStack();
    await using scene = await openScene();
    const server = await scene.server({ engine: "postgres" });
    const beside = await scene.server({ beside: server });
    const pool = await server.api.pool();
    await scene.agent(server, { pool });
    const configuration = await scene.configuration("hello");
    const work = async (...servers: readonly TestServer[]) => {
      for (const { api } of servers) {
        const workspace = await api.workspace({ agentPool: pool });
        await api.upload(workspace, configuration);
        const run = await api.start(workspace, { autoApply: true });
        await api.runWhen(run, "is applied", ({ state }) => state === RunState.APPLIED, { deadlineMs: 60_000 });
        expect((await api.log(run, RunPhase.APPLY)).text).toContain("Apply complete");
        expect(await api.state(workspace)).toBeDefined();
      }
    };
    // Every statement was prepared before the tables change under it.
    await work(server, beside);
    const tables = await tablesOf(server);
    expect(tables.length).toBeGreaterThan(20);
    await applyTo(server, await newerMigrations(held, "postgres", expansion(tables)));
    await work(server, beside);
    await applyTo(server, await newerMigrations(held, "postgres", expansion(tables), contraction(tables)));
    await work(beside);

    expect((await beside.stop("SIGTERM")).code).toBe(0);
    await expect(beside.start()).rejects.toThrow(
      `the database has schema version ${known.length + 2} and this windlassd knows versions up to ${known.length}: ` +
        "start the newer windlassd that upgraded it, or restore a backup from before the upgrade",
    );
    expect((await beside.program.ended).code).toBe(5);
    expect(server.program.isRunning).toBe(true);
  });

  test("a newer one brings the database of the version before up to date, or says what to do where it may not", async () => {
    await using held = new AsyncDisposableStack();
    await using database = await createTestDatabase();
    const last = known.at(-1)?.tag ?? "";
    await applyTo({ databaseUrl: database.url }, await olderMigrations(held, "postgres", last));
    await using scene = await openScene();
    const start = (name: string, mode: string) =>
      scene.start("windlassd", [
        ...["--data-dir", `${scene.directory}/${name}`, "--listen", "127.0.0.1:0", "--server-agent-concurrency", "0"],
        ...["--database-url", database.url, "--migrate", mode, "--shutdown-timeout", "2s"],
      ]);
    const careful = start("careful", "check");
    expect((await careful.ended).code).toBe(5);
    expect(careful.stderr()).toContain(
      `the database has schema version ${known.length - 1} and this windlassd needs version ${known.length}: ` +
        "run windlassd migrate, or start with --migrate auto",
    );
    const willing = start("willing", "auto");
    await willing.says(/windlassd is ready/);
    expect(await schemaState({ url: database.url })).toEqual({ applied: known.length, known: known.length });
  });
});
