import pg from "pg";
import { findPostgresBin, hasty, type PostgresServer, startPostgresServer } from "./postgres-server.ts";
import { freePort } from "./support/server.ts";
import { until } from "./support/until.ts";

const hba = ["host all all 127.0.0.1/32 trust"];

export interface PostgresPair extends AsyncDisposable {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  /** Both, for those who want the one that can be written to. */
  readonly url: string;
}

/** A primary with a standby that has everything before a commit is acknowledged. */
export async function openPair(): Promise<PostgresPair> {
  await using opening = new AsyncDisposableStack();
  const bin = findPostgresBin() ?? "";
  const [one, two] = [await freePort(), await freePort()];
  const primary = opening.use(await startPostgresServer(bin, { port: one, hba, settings: hasty }));
  const standby = opening.use(await startPostgresServer(bin, { port: two, hba, settings: hasty, follows: primary }));
  await ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
  await ask(primary, "SELECT pg_reload_conf()");
  const isSynchronous = async () =>
    (await ask(primary, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")).length > 0;
  await until("the standby is waited for", isSynchronous);
  await ask(primary, "CREATE DATABASE net");
  const owned = opening.move();
  const url = `postgres://postgres@127.0.0.1:${one},127.0.0.1:${two}/net?target_session_attrs=read-write&connect_timeout=3`;
  return { primary, standby, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Asks a server over its socket. */
export async function ask(
  server: PostgresServer,
  text: string,
  database = "postgres",
): Promise<readonly pg.QueryResultRow[]> {
  const client = new pg.Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
