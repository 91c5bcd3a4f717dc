import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { findPostgresBin, type PostgresServer, startPostgresServer } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /**
     * Asks for the run's PostgreSQL server: a GET answers with a URL whose database is `postgres`. Absent: none
     * installed.
     */
    readonly postgresDoor?: string;
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
  const door = createServer((_, response) => {
    starting ??= startPostgresServer(bin);
    starting.then(
      (server) => response.end(server.url("postgres")),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("postgresDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}/`);
  return async () => {
    door.closeAllConnections();
    await new Promise((resolve) => door.close(resolve));
    const server = await starting?.catch(() => undefined);
    await server?.[Symbol.asyncDispose]();
  };
}
