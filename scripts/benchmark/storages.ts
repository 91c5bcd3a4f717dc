import { randomUUID } from "node:crypto";
import pg from "pg";
import { findPostgresBin, startPostgresServer } from "../../test/postgres-server.ts";
import type { Scene } from "../../test/support/scene.ts";
import type { Postgres, Storage } from "./part.ts";

/** What would bound a benchmark before the server does. */
const withoutLimits = [
  ...["--rate-limit", "0", "--max-queued-runs", "0", "--registration-rate", "0", "--max-agents-per-token", "0"],
  ...["--max-log-size", "16GiB"],
];

export const sqlite: Storage = {
  name: "SQLite",
  server: (scene, args = [], env = {}) => scene.server({ args: [...withoutLimits, ...args], env }),
};

/** PostgreSQL with the settings that it has by itself, fsync among them; ended with `held`. */
export async function openPostgres(held: AsyncDisposableStack): Promise<Postgres> {
  const bin = findPostgresBin();
  if (bin === undefined) return { kind: "absent", why: "initdb and postgres were not found on the PATH" };
  const server = held.use(await startPostgresServer(bin, { settings: ["max_connections=200"] }));
  const storage: Storage = {
    name: "PostgreSQL",
    server: async (scene, args = [], env = {}) => {
      const url = await emptyDatabase(server.url);
      return scene.server({ args: [...withoutLimits, "--database-url", url, ...args], env });
    },
  };
  const replicas = async (scene: Scene, count: number, hearing?: "deaf") => {
    const url = await emptyDatabase(server.url);
    if (hearing === "deaf") await swallowNotices(url);
    const args = [...withoutLimits, "--database-url", url];
    const first = await scene.server({ args });
    const servers = [first];
    while (servers.length < count) servers.push(await scene.server({ args, beside: first }));
    return servers;
  };
  return { kind: "here", storage, url: server.url("postgres"), bin, replicas };
}

/**
 * In this database the name that servers call to notify each other stands for a function that lets only one notice through: the one by
 * which a server hears that its connection of notices is alive.
 */
const swallowing = (database: string): string => `
  CREATE SCHEMA deaf;
  CREATE FUNCTION deaf.pg_notify(channel text, payload text) RETURNS void LANGUAGE sql AS
    $$ SELECT pg_catalog.pg_notify(channel, payload) WHERE payload = '' $$;
  ALTER DATABASE ${database} SET search_path = public, deaf, pg_catalog`;

const swallowNotices = (url: string): Promise<void> => execute(url, swallowing(new URL(url).pathname.slice(1)));

async function emptyDatabase(url: (database: string) => string): Promise<string> {
  const name = `bench_${randomUUID().replaceAll("-", "")}`;
  await execute(url("postgres"), `CREATE DATABASE ${name}`);
  return url(name);
}

async function execute(url: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statements);
  } finally {
    await client.end();
  }
}
