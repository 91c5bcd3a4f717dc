import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { findPgbouncer, type Pgbouncer, startPgbouncer } from "./pgbouncer-server.ts";
import { findPostgresBin, type PostgresServer, startPostgresServer } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /**
     * Asks for the run's PostgreSQL server: a GET answers with a URL whose database is `postgres`. Absent: none
     * installed.
     */
    readonly postgresDoor?: string;
    /** Where PgBouncer's program is; a GET of `/pooled` answers with the same URL through it. Absent: none installed. */
    readonly pgbouncer?: string;
  }
}

/**
 * Vitest's global set-up: one PostgreSQL server for the whole run, started when the first test asks for it, so that
 * runs that need none do not wait for one.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const bin = findPostgresBin();
  if (bin === undefined) return async () => {};
  let starting: Promise<PostgresServer> | undefined;
  const pgbouncer = findPgbouncer();
  let pooling: Promise<Pgbouncer> | undefined;
  const server = () => {
    starting ??= startPostgresServer(bin);
    return starting;
  };
  const pooler = async () => {
    const running = await server();
    pooling ??= startPgbouncer(pgbouncer ?? "", { server: running });
    return pooling;
  };
  const door = createServer(({ url }, response) => {
    const opening = url === "/pooled" ? pooler() : server();
    opening.then(
      (opened) => response.end(opened.url("postgres")),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("postgresDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}/`);
  if (pgbouncer !== undefined) project.provide("pgbouncer", pgbouncer);
  return async () => {
    door.closeAllConnections();
    await new Promise((resolve) => door.close(resolve));
    for (const opened of [await pooling?.catch(() => undefined), await starting?.catch(() => undefined)])
      await opened?.[Symbol.asyncDispose]();
  };
}
