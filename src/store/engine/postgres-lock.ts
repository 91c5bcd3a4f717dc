import { createHash } from "node:crypto";
import type pg from "pg";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { connectPostgres, promptMs } from "../postgres/connections.ts";
import { DatabaseRoute } from "../postgres/route.ts";
import type { DatabasePlace } from "../postgres/settings.ts";
import { unreachable } from "../postgres/unreachable.ts";
import { type StoreLog, silentLog } from "./engine.ts";

/** Any fixed number beside that of the migrations. Programs of before there were replicas take it for themselves. */
const serverLock = 7_345_902;
/** With it, the locks that tell which replica lives. */
const memberLocks = 7_345_903;
/** How long a start waits for the lock of a process that has just ended. */
const patienceMs = 5_000;
const pauseMs = 250;
/** How often a lost lock is asked for again. */
const againMs = 1_000;

/** How a process has a database: beside other replicas, as the one with this id, or for itself. */
export type DatabaseHold = { readonly kind: "shared"; readonly replica: string } | { readonly kind: "alone" };

/** What a PostgreSQL database is and how it stands, as its lock found it. */
export interface DatabaseFacts {
  /** Names the database itself: what `pg_restore` makes of its dump is another one. */
  readonly identity: string;
  readonly now: Date;
  /** It takes no writes, because it was set so or because it follows another one. */
  readonly isReadOnly: boolean;
  readonly isInRecovery: boolean;
}

/** A database that this process has, as long as the connection lives. */
export interface HeldDatabase extends AsyncDisposable {
  readonly facts: DatabaseFacts;
  /** Tells of ids of replicas whether their processes have the database now. */
  livingReplicas(): Promise<(id: string) => boolean>;
}

export type DatabaseLock =
  | { readonly kind: "locked"; readonly lock: HeldDatabase }
  | { readonly kind: "held"; readonly message: string };

export interface LockOptions extends DatabasePlace {
  readonly hold: DatabaseHold;
  readonly log?: StoreLog | undefined;
  readonly clock?: Clock | undefined;
  /** Called once when the connection was lost and another process took the database meanwhile: the program should end. */
  readonly onStolen: (error: Error) => void;
}

const messages: Readonly<Record<DatabaseHold["kind"], string>> = {
  shared:
    "another process has this database for itself: a command such as windlassd restore or rotate-key, or a windlassd of an older version, which does not share. Wait for the command, or stop the older one first",
  alone: "another windlassd serves this database: stop it first, and all others that serve it",
};

/** Takes the advisory lock of a database on a connection of its own, and takes it again whenever that connection is lost. */
export async function lockDatabase({
  url,
  settings,
  cutOff,
  hold,
  log = silentLog,
  clock = systemClock,
  onStolen,
}: LockOptions): Promise<DatabaseLock> {
  const route = new DatabaseRoute({ url, settings, cutOff });
  const deadlineMs = clock.monotonicMs() + patienceMs;
  for (;;) {
    const client = await attempt(route, hold);
    if (client !== undefined) {
      const facts = await factsOf(client);
      return { kind: "locked", lock: new HeldLock({ route, hold, log, clock, onStolen }, facts, client) };
    }
    if (clock.monotonicMs() >= deadlineMs) return { kind: "held", message: messages[hold.kind] };
    await clock.sleep(pauseMs);
  }
}

/** Locks of one class have a number of 32 bits with a sign: that of an id. */
const memberNumber = (id: string): number => createHash("sha256").update(id).digest().readInt32BE();

async function attempt(route: DatabaseRoute, hold: DatabaseHold): Promise<pg.Client | undefined> {
  let client: pg.Client | undefined;
  try {
    client = await connectPostgres(route, "windlassd lock", promptMs);
    const how = hold.kind === "shared" ? "_shared" : "";
    const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock${how}($1) AS locked`, [
      serverLock,
    ]);
    if (rows[0]?.locked === true) {
      if (hold.kind === "shared")
        await client.query("SELECT pg_advisory_lock_shared($1, $2)", [memberLocks, memberNumber(hold.replica)]);
      return client;
    }
    await client.end();
    return undefined;
  } catch (cause) {
    await client?.end().catch(() => {});
    throw unreachable(cause);
  }
}

async function factsOf(client: pg.Client): Promise<DatabaseFacts> {
  const read = async (text: string) => (await client.query<{ value: string }>(text)).rows[0]?.value ?? "";
  const database = await read("SELECT oid::text AS value FROM pg_database WHERE datname = current_database()");
  // Some services do not let everybody ask for it.
  const system = await read("SELECT system_identifier::text AS value FROM pg_control_system()").catch(() => "");
  const nowMs = await read("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS value");
  return {
    identity: `${system}/${database}`,
    now: new Date(Number(nowMs)),
    isReadOnly: (await read("SELECT current_setting('transaction_read_only') AS value")) === "on",
    isInRecovery: (await read("SELECT pg_is_in_recovery()::text AS value")) === "true",
  };
}

interface HeldLockOptions {
  readonly route: DatabaseRoute;
  readonly hold: DatabaseHold;
  readonly log: StoreLog;
  readonly clock: Clock;
  readonly onStolen: (error: Error) => void;
}

class HeldLock implements HeldDatabase {
  readonly facts: DatabaseFacts;
  readonly #options: HeldLockOptions;
  readonly #closing = new AbortController();
  #client: pg.Client;
  #holding: Promise<void> = Promise.resolve();

  constructor(options: HeldLockOptions, facts: DatabaseFacts, client: pg.Client) {
    this.#options = options;
    this.facts = facts;
    this.#client = client;
    this.#watch();
  }

  async livingReplicas(): Promise<(id: string) => boolean> {
    const { rows } = await this.#client.query<{ number: string }>(
      `SELECT objid::text AS number FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
       WHERE locktype = 'advisory' AND granted AND classid = $1 AND datname = current_database()`,
      [memberLocks],
    );
    // An objid has no sign.
    const living = new Set(rows.map(({ number }) => Number(number) | 0));
    return (id) => living.has(memberNumber(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#holding;
    await this.#client.end().catch(() => {});
  }

  #watch(): void {
    this.#client.once("end", () => {
      if (!this.#closing.signal.aborted) this.#holding = this.#takeAgain();
    });
  }

  /** While the database is away nobody can serve it; once it is back, either this process has the lock or stops. */
  async #takeAgain(): Promise<void> {
    const { route, hold, log, clock, onStolen } = this.#options;
    log.warn({}, "the connection that holds the database's lock was lost: it is taken again");
    while (!this.#closing.signal.aborted) {
      try {
        const client = await attempt(route, hold);
        if (client === undefined) return onStolen(new Error(messages[hold.kind]));
        this.#client = client;
        this.#watch();
        log.warn({}, "the database's lock is held again");
        return;
      } catch {
        await clock.sleep(againMs, this.#closing.signal).catch(() => {});
      }
    }
  }
}
