import { randomUUID } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

/** An empty database of one test's own, dropped when disposed. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
}

const door = inject("postgresDoor");

/**
 * True when PostgreSQL's programs are installed here. Without them its tests are skipped with a loud word on a laptop
 * and fail in CI. Needs `test/postgres-setup.ts` among vitest's `globalSetup`.
 */
export const hasPostgres = door !== undefined;

if (!hasPostgres) {
  if (process.env.CI) throw new Error("PostgreSQL's initdb and postgres were not found: CI must have them");
  console.warn("SKIPPED: tests on PostgreSQL, because initdb and postgres were not found on the PATH");
}

async function serverUrl(): Promise<URL> {
  const answer = await fetch(door ?? "");
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return new URL(text);
}

/** Creates an empty database on the run's server, starting the server if this is the first. */
export const createTestDatabase = (): Promise<TestDatabase> => createDatabase("");

/** Creates a database with all that is in another one, which nobody may use meanwhile. */
export const copyDatabase = (url: string): Promise<TestDatabase> =>
  createDatabase(` TEMPLATE ${new URL(url).pathname.slice(1)}`);

async function createDatabase(how: string): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await execute(server.href, `CREATE DATABASE ${name}${how}`);
  const url = server.href.replace(/postgres$/, name);
  return {
    url,
    [Symbol.asyncDispose]: () => execute(server.href, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
