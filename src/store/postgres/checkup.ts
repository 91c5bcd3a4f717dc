import type pg from "pg";
import { WindlassError } from "../../lib/words/errors.ts";
import { connectPostgres } from "./connections.ts";
import type { DatabaseRoute } from "./route.ts";
import { pooled } from "./unreachable.ts";

/** The oldest version that windlassd works with. */
const oldestVersion = 13;
/** Two connections of a pooler are seen to share a server's one at the first of these, unless others are busy there. */
const looks = 5;

interface Facts {
  readonly pid: number;
  readonly is_standby: boolean;
  readonly read_only: string;
  readonly version: number;
  readonly version_text: string;
  readonly encoding: string;
  readonly waits_for: string;
  readonly commits: string;
}

const ask = `
  SELECT pg_backend_pid() AS pid, pg_is_in_recovery() AS is_standby, current_setting('transaction_read_only') AS read_only,
    current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
    pg_encoding_to_char(encoding) AS encoding, current_setting('synchronous_standby_names') AS waits_for,
    current_setting('synchronous_commit') AS commits
  FROM pg_database WHERE datname = current_database()`;

export interface Checkup {
  readonly route: DatabaseRoute;
  /** Nothing is going to be written. */
  readonly isToRead?: boolean | undefined;
  /** Hears what works and may lose something. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Refuses a database that cannot be worked with, and says what to do. */
export async function checkDatabase(client: pg.Client, { route, isToRead = false, warn }: Checkup): Promise<void> {
  const [facts] = (await client.query<Facts>(ask)).rows;
  if (facts === undefined) throw unusable("PostgreSQL does not say which database this is: check --database-url");
  if (facts.version < oldestVersion * 10_000)
    throw unusable(`PostgreSQL ${facts.version_text} is too old: windlassd needs ${oldestVersion} or newer`);
  if (facts.encoding !== "UTF8")
    throw unusable(
      `the database has the encoding ${facts.encoding}, and windlassd needs UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`,
    );
  if (!isToRead && facts.read_only === "on") throw unusable(whyReadOnly(facts));
  for (const risk of risksOf(facts, route)) warn?.(risk);
  if (route.settings.pooling === "session") await refuseSharing(client, route, facts.pid);
}

function risksOf({ commits, waits_for }: Facts, { address }: DatabaseRoute): readonly string[] {
  const risks: string[] = [];
  if (commits === "off")
    risks.push("synchronous_commit is off: what PostgreSQL has acknowledged is lost if its machine is. Switch it on");
  else if (address.hosts.length > 1 && (waits_for === "" || commits === "local"))
    risks.push(
      "no standby is waited for: what was acknowledged may be missing on one that takes the primary's place. Set synchronous_standby_names, and synchronous_commit = on",
    );
  return risks;
}

const whyReadOnly = ({ is_standby }: Facts): string =>
  is_standby
    ? "PostgreSQL is read-only here: a standby, which only follows its primary. Name the primary in --database-url, or both (postgres://a,b/db), and the one that can be written to is found"
    : "PostgreSQL is read-only: default_transaction_read_only is on for this database, its user or its server. Switch it off (ALTER DATABASE … SET default_transaction_read_only = off), or name the primary in --database-url";

/**
 * A pooler that gives the server's connections to one transaction at a time breaks what a session has prepared. It hides behind its own
 * process id; that it shares them is seen by two connections that have the same one, or one that has two.
 */
async function refuseSharing(client: pg.Client, route: DatabaseRoute, pid: number): Promise<void> {
  if (Reflect.get(client, "processID") === pid) return;
  const other = await connectPostgres(route, "windlassd");
  try {
    for (let look = 0; look < looks; look += 1) {
      const before = await processOf(client);
      await other.query("BEGIN");
      const others = await processOf(other);
      const after = await processOf(client);
      await other.query("COMMIT");
      if (others === before || after !== before) throw unusable(pooled("its connections are shared by transaction"));
    }
  } finally {
    await other.end();
  }
}

async function processOf(client: pg.Client): Promise<number | undefined> {
  return (await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
}

const unusable = (message: string) => new WindlassError("storage_unavailable", message);
