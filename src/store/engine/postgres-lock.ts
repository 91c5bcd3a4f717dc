import type pg from "pg";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { connectPostgres } from "../postgres/connections.ts";
import { DatabaseRoute } from "../postgres/route.ts";
import type { DatabasePlace } from "../postgres/settings.ts";
import { unreachable } from "../postgres/unreachable.ts";
import { type StoreLog, silentLog } from "./engine.ts";

/** Any fixed number beside that of the migrations. */
const serverLock = 7_345_902;
/** How long a start waits for the lock of a process that has just ended. */
const patienceMs = 5_000;
const pauseMs = 250;
/** How often a lost lock is asked for again. */
const againMs = 1_000;

/** Proof that this process alone serves a PostgreSQL database, as long as its connection lives. */
export type DatabaseLock =
  | { readonly kind: "locked"; readonly lock: AsyncDisposable; readonly identity: string }
  | { readonly kind: "held"; readonly message: string };

export interface LockOptions extends DatabasePlace {
  readonly log?: StoreLog | undefined;
  readonly clock?: Clock | undefined;
  /** Called once when the connection was lost and another process took the lock meanwhile: the program should end. */
  readonly onStolen: (error: Error) => void;
}

const message =
  "another windlassd serves this database: stop it first. Several on one database would disturb each other";

/** Takes the advisory lock of a database on a connection of its own, and takes it again whenever that connection is lost. */
export async function lockDatabase({
  url,
  settings,
  log = silentLog,
  clock = systemClock,
  onStolen,
}: LockOptions): Promise<DatabaseLock> {
  const route = new DatabaseRoute({ url, settings });
  const deadlineMs = clock.monotonicMs() + patienceMs;
  for (;;) {
    const client = await attempt(route);
    if (client !== undefined) {
      const identity = await identityOf(client);
      return { kind: "locked", lock: new HeldLock({ route, log, clock, onStolen }, client), identity };
    }
    if (clock.monotonicMs() >= deadlineMs) return { kind: "held", message };
    await clock.sleep(pauseMs);
  }
}

async function attempt(route: DatabaseRoute): Promise<pg.Client | undefined> {
  let client: pg.Client | undefined;
  try {
    client = await connectPostgres(route, "windlassd lock");
    const { rows } = await client.query<{ locked: boolean }>("SELECT pg_try_advisory_lock($1) AS locked", [serverLock]);
    if (rows[0]?.locked === true) return client;
    await client.end();
    return undefined;
  } catch (cause) {
    await client?.end().catch(() => {});
    throw unreachable(cause);
  }
}

/** Names the database itself: what `pg_restore` makes of its dump is another one. */
async function identityOf(client: pg.Client): Promise<string> {
  const read = async (text: string) => (await client.query<{ value: string }>(text)).rows[0]?.value ?? "";
  const database = await read("SELECT oid::text AS value FROM pg_database WHERE datname = current_database()");
  // Some services do not let everybody ask for it.
  const system = await read("SELECT system_identifier::text AS value FROM pg_control_system()").catch(() => "");
  return `${system}/${database}`;
}

interface HeldLockOptions {
  readonly route: DatabaseRoute;
  readonly log: StoreLog;
  readonly clock: Clock;
  readonly onStolen: (error: Error) => void;
}

class HeldLock implements AsyncDisposable {
  readonly #options: HeldLockOptions;
  readonly #closing = new AbortController();
  #client: pg.Client;
  #holding: Promise<void> = Promise.resolve();

  constructor(options: HeldLockOptions, client: pg.Client) {
    this.#options = options;
    this.#client = client;
    this.#watch();
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
    const { route, log, clock, onStolen } = this.#options;
    log.warn({}, "the connection that holds the database's lock was lost: it is taken again");
    while (!this.#closing.signal.aborted) {
      try {
        const client = await attempt(route);
        if (client === undefined) return onStolen(new Error(message));
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
