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
  const replicas = async (scene: Scene, count: number) => {
    const args = [...withoutLimits, "--database-url", await emptyDatabase(server.url)];
    const first = await scene.server({ args });
    const servers = [first];
    while (servers.length < count) servers.push(await scene.server({ args, beside: first }));
    return servers;
  };
  return { kind: "here", storage, url: server.url("postgres"), bin, replicas };
}

async function emptyDatabase(url: (database: string) => string): Promise<string> {
  const name = `bench_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client({ connectionString: url("postgres") });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  return url(name);
}
