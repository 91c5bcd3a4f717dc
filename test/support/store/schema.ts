/** A small schema for the tests of the engines: what they promise must not depend on the product's tables. */

import type Database from "better-sqlite3";
import pg from "pg";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { and, asc, eq, gte, sql } from "../../../src/store/drizzle/orm.ts";
import { type Db, kitOfSqlite, placeholdersOf } from "../../../src/store/engine/boundary.ts";
import { type Spacious, type StoreEngine, type StoreLog, silentLog } from "../../../src/store/engine/engine.ts";
import { type Kit, postgresKit } from "../../../src/store/engine/kit.ts";
import { postgresEngine } from "../../../src/store/engine/postgres.ts";
import { prepared } from "../../../src/store/engine/prepared.ts";
import { openSqliteEngine } from "../../../src/store/engine/sqlite.ts";
import { openPostgresPool } from "../../../src/store/postgres/connections.ts";
import { DatabaseRoute } from "../../../src/store/postgres/route.ts";
import type { DatabasePlace } from "../../../src/store/postgres/settings.ts";

export interface Account {
  readonly id: string;
  readonly balance: number;
  readonly isOpen: boolean | null;
  readonly openedAt: Date | null;
  readonly picture: Uint8Array | null;
  readonly notes: Readonly<Record<string, unknown>> | null;
}

function defineFixture(k: Kit) {
  const accounts = k.table("accounts", {
    id: k.text("id").primaryKey(),
    balance: k.int("balance").notNull(),
    isOpen: k.bool("is_open"),
    openedAt: k.instant("opened_at"),
    picture: k.bytes("picture"),
    notes: k.json<Readonly<Record<string, unknown>>>("notes"),
  });
  const tickets = k.table("tickets", {
    id: k.text("id").primaryKey(),
    holder: k.text("holder"),
    epoch: k.int("epoch").notNull(),
  });
  return { accounts, tickets };
}

/** The statements that make the schema, in each engine's words. */
const ddlOf = {
  sqlite: `CREATE TABLE IF NOT EXISTS accounts (id text PRIMARY KEY NOT NULL, balance integer NOT NULL CHECK (balance >= 0),
      is_open integer, opened_at integer, picture blob, notes text);
    CREATE TABLE IF NOT EXISTS tickets (id text PRIMARY KEY NOT NULL, holder text, epoch integer NOT NULL);`,
  postgres: `CREATE TABLE accounts (id text COLLATE "C" PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0),
      is_open boolean, opened_at timestamp(3) with time zone, picture bytea, notes json);
    CREATE TABLE tickets (id text COLLATE "C" PRIMARY KEY, holder text COLLATE "C", epoch bigint NOT NULL);`,
};

type FixtureTables = ReturnType<typeof defineFixture>;

function fixtureQueries(db: Db, { accounts, tickets }: FixtureTables) {
  const get = prepared<{ id: string }>()((slot) =>
    db
      .select()
      .from(accounts)
      .where(eq(accounts.id, slot("id", accounts.id))),
  );
  const find = prepared<{ openedAt: Date | null; isOpen: boolean | null }>()((slot) =>
    db
      .select({ id: accounts.id })
      .from(accounts)
      .where(
        and(
          eq(accounts.openedAt, slot("openedAt", accounts.openedAt)),
          eq(accounts.isOpen, slot("isOpen", accounts.isOpen)),
        ),
      ),
  );
  const put = prepared<Record<string, unknown>>()(() => db.insert(accounts).values(placeholdersOf(accounts)));
  const claim = prepared<{ id: string; holder: string }>()((slot) =>
    db
      .update(tickets)
      .set({ holder: slot("holder", tickets.holder), epoch: sql`${tickets.epoch} + 1` })
      .where(and(eq(tickets.id, slot("id", tickets.id)), sql`${tickets.holder} is null`))
      .returning(),
  );
  return {
    accounts: {
      get: async (id: string): Promise<Account | undefined> => (await get({ id }))[0],
      find: async (openedAt: Date | null, isOpen: boolean | null) =>
        (await find({ openedAt, isOpen })).map(({ id }) => id),
      put: async (row: Account) => {
        await put({ ...row });
      },
      putIfAbsent: async (row: Account) =>
        (await db.insert(accounts).values(row).onConflictDoNothing().returning()).length === 1,
      ids: async () =>
        (await db.select({ id: accounts.id }).from(accounts).orderBy(asc(accounts.id))).map(({ id }) => id),
      set: async (id: string, balance: number) => {
        await db.update(accounts).set({ balance }).where(eq(accounts.id, id));
      },
      clear: async () => {
        await db.delete(accounts);
      },
      take: async (id: string, amount: number) =>
        (
          await db
            .update(accounts)
            .set({ balance: sql`${accounts.balance} - ${amount}` })
            .where(and(eq(accounts.id, id), gte(accounts.balance, amount)))
            .returning()
        ).length === 1,
      total: async () => {
        const [row] = await db
          .select({ sum: sql`coalesce(sum(${accounts.balance}), 0)`.mapWith(Number) })
          .from(accounts);
        return row?.sum ?? 0;
      },
    },
    tickets: {
      put: async (id: string) => {
        await db.insert(tickets).values({ id, holder: null, epoch: 0 });
      },
      /** Decided by its own WHERE, as the product claims. */
      claim: async (id: string, holder: string) => (await claim({ id, holder }))[0],
      all: () => db.select().from(tickets).orderBy(asc(tickets.id)),
    },
  };
}

export type FixtureQueries = ReturnType<typeof fixtureQueries>;
export type FixtureEngine = StoreEngine<FixtureQueries>;

interface SqliteFixture {
  /** Gets the writing connection, for a test that makes it fail. */
  readonly tune?: (writer: Database.Database) => void;
  readonly log?: StoreLog;
  readonly onFatal?: () => void;
}

export function openSqliteFixture(
  path: string,
  { tune = () => {}, log = silentLog, onFatal = () => {} }: SqliteFixture = {},
): FixtureEngine & Spacious {
  const tables = defineFixture(kitOfSqlite);
  return openSqliteEngine({
    path,
    queries: (db) => fixtureQueries(db, tables),
    migrate: (writer) => {
      writer.exec(ddlOf.sqlite);
      tune(writer);
    },
    log,
    clock: systemClock,
    onFatal,
  });
}

export async function openPostgresFixture({ url, settings }: DatabasePlace): Promise<FixtureEngine> {
  const setUp = new pg.Client({ connectionString: url });
  await setUp.connect();
  await setUp.query(ddlOf.postgres);
  await setUp.end();
  const pool = openPostgresPool({ route: new DatabaseRoute({ url, settings }), log: silentLog });
  const tables = defineFixture(postgresKit);
  const queries = (db: Db) => fixtureQueries(db, tables);
  const engine = postgresEngine({ pool, queries, settings, clock: systemClock, random: systemRandom });
  return {
    read: (run) => engine.read(run),
    write: (run) => engine.write(run),
    step: (run) => engine.step(run),
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}
