/** How windlassd comes to a PostgreSQL server, and what it says of one that does not let it: with real servers. */
import { writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/ports/store.ts";
import { connectPostgres } from "../src/store/postgres/connections.ts";
import { DatabaseRoute } from "../src/store/postgres/route.ts";
import { defaultPostgres } from "../src/store/postgres/settings.ts";
import { hasPgbouncer, pgbouncerProgram } from "./pgbouncer.ts";
import { startPgbouncer } from "./pgbouncer-server.ts";
import { hasPostgres } from "./postgres.ts";
import { findPostgresBin, hasty, type PostgresServer, startPostgresServer } from "./postgres-server.ts";
import { privatelySigned } from "./support/certificate.ts";
import { freePort, temporaryDirectory } from "./support/server.ts";

const now = new Date();
const dayMs = 86_400_000;
const right = privatelySigned(now);
const other = privatelySigned(now, { names: ["db.example.com"] });
const old = privatelySigned(now, { validAround: new Date(now.getTime() - 3 * dayMs) });
const client = privatelySigned(now, { names: ["cert"], issuer: "the authority of clients" });

const hba = [
  "hostssl all tls 127.0.0.1/32 trust",
  "hostnossl all plain 127.0.0.1/32 trust",
  "hostssl all cert 127.0.0.1/32 trust clientcert=verify-ca",
  "host all locked 127.0.0.1/32 scram-sha-256",
  "host all ghost,limited,poor,reader,postgres 127.0.0.1/32 trust",
];

let held: AsyncDisposableStack;
let server: PostgresServer;
let admin: pg.Client;
let port: number;
let dir: string;

beforeAll(async () => {
  held = new AsyncDisposableStack();
  if (!hasPostgres) return;
  dir = await temporaryDirectory(held);
  port = await freePort();
  const files = { "server.crt": right.cert, "server.key": right.key, "clients.crt": client.ca };
  const tls = ["ssl=on", "ssl_cert_file=../server.crt", "ssl_key_file=../server.key", "ssl_ca_file=../clients.crt"];
  server = held.use(
    await startPostgresServer(findPostgresBin() ?? "", { port, hba, files, settings: [...hasty, ...tls] }),
  );
  admin = new pg.Client({ connectionString: server.url("postgres") });
  await admin.connect();
  for (const statement of [
    "CREATE ROLE tls LOGIN; CREATE ROLE plain LOGIN; CREATE ROLE cert LOGIN",
    "CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE limited LOGIN CONNECTION LIMIT 0; CREATE ROLE poor LOGIN",
    "CREATE DATABASE net",
    "CREATE DATABASE narrow ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'",
    "CREATE DATABASE fixed",
    "ALTER DATABASE fixed SET default_transaction_read_only = on",
  ])
    for (const one of statement.split(";")) await admin.query(one);
  await writeFile(join(dir, "right.pem"), right.ca);
  await writeFile(join(dir, "other.pem"), other.ca);
  await writeFile(join(dir, "old.pem"), old.ca);
  await writeFile(join(dir, "client.pem"), client.cert);
  await writeFile(join(dir, "client.key"), client.key, { mode: 0o600 });
  await writeFile(join(dir, "pgpass"), `127.0.0.1:${port}:net:locked:right\n`, { mode: 0o600 });
  await writeFile(join(dir, "password"), "right\n", { mode: 0o600 });
}, 120_000);
afterAll(async () => {
  await admin?.end();
  await held.disposeAsync();
});

/** `DIR` and `PORT` in a URL are those of this test. */
const place = (url: string, passwordFile?: string) => ({
  url: url.replaceAll("DIR", dir).replaceAll("PORT", String(port)),
  settings: { ...defaultPostgres, ...(passwordFile === undefined ? {} : { passwordFile: join(dir, passwordFile) }) },
});

/** Shows new connections another certificate. */
async function show({ cert, key }: { readonly cert: string; readonly key: string }): Promise<void> {
  await writeFile(join(server.directory, "server.crt"), cert);
  await writeFile(join(server.directory, "server.key"), key);
  await reloaded();
}

async function reloaded(): Promise<void> {
  const before = (await admin.query("SELECT pg_conf_load_time() AS at")).rows[0].at;
  await admin.query("SELECT pg_reload_conf()");
  await expect
    .poll(async () => Number((await admin.query("SELECT pg_conf_load_time() AS at")).rows[0].at))
    .toBeGreaterThan(Number(before));
}

async function tlsOf(url: string, passwordFile?: string): Promise<boolean> {
  const found = await connectPostgres(new DatabaseRoute(place(url, passwordFile)), "a test");
  try {
    const { rows } = await found.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    return rows[0].ssl;
  } finally {
    await found.end();
  }
}

async function refusalOf(url: string): Promise<unknown> {
  const opening = openStore({ ...place(url) });
  return opening.then(
    async (store) => {
      await store[Symbol.asyncDispose]();
      return new Error("it was opened");
    },
    (error: unknown) => error,
  );
}
const unavailable = (message: string | RegExp) =>
  expect.objectContaining({ code: "storage_unavailable", message: expect.stringMatching(message) });

describe.skipIf(!hasPostgres)("a connection", { timeout: 60_000 }, () => {
  test.each([
    ["postgres://plain@127.0.0.1:PORT/net", false],
    ["postgres://plain@127.0.0.1:PORT/net?sslmode=disable", false],
    ["postgres://plain@127.0.0.1:PORT/net?sslmode=prefer", false],
    ["postgres://tls@127.0.0.1:PORT/net?sslmode=prefer", true],
    ["postgres://tls@127.0.0.1:PORT/net?sslmode=require", true],
    ["postgres://tls@127.0.0.1:PORT/net?sslmode=verify-ca&sslrootcert=DIR/right.pem", true],
    ["postgres://tls@localhost:PORT/net?sslmode=verify-full&sslrootcert=DIR/right.pem", true],
    ["postgres://tls@127.0.0.1:PORT/net?sslmode=verify-full&sslrootcert=DIR/right.pem", true],
    ["postgres://cert@127.0.0.1:PORT/net?sslmode=require&sslcert=DIR/client.pem&sslkey=DIR/client.key", true],
    ["postgres://locked:right@127.0.0.1:PORT/net", false],
    ["postgres://locked@127.0.0.1:PORT/net?passfile=DIR/pgpass", false],
    ["postgres://plain@127.0.0.1:1,127.0.0.1:PORT/net", false],
  ])("%s is opened, encrypted: %s", async (url, isEncrypted) => expect(await tlsOf(url)).toBe(isEncrypted));

  test("takes a password from its own file", async () => {
    expect(await tlsOf("postgres://locked:wrong@127.0.0.1:PORT/net", "password")).toBe(false);
  });

  test("brings options and a name", async () => {
    const route = new DatabaseRoute(
      place("postgres://plain@127.0.0.1:PORT/net?options=-c%20work_mem%3D12MB&application_name=net"),
    );
    const found = await connectPostgres(route, "a test");
    const { rows } = await found.query(
      "SELECT current_setting('work_mem') AS mem, current_setting('application_name') AS name",
    );
    expect(rows).toEqual([{ mem: "12MB", name: "net" }]);
    await found.end();
  });

  test("goes past a host that takes no changes to one that does", async () => {
    const url = `postgres://plain@127.0.0.1:PORT,127.0.0.1:PORT/fixed`;
    await expect(connectPostgres(new DatabaseRoute(place(url)), "a test")).rejects.toThrow(/is read-only/);
    await expect(tlsOf("postgres://plain@127.0.0.1:PORT/fixed?target_session_attrs=any")).resolves.toBe(false);
    await expect(tlsOf("postgres://plain@127.0.0.1:PORT/fixed?target_session_attrs=primary")).rejects.toThrow(
      /is read-only/,
    );
  });

  test("checks what the certificate says, as far as it is asked to", async () => {
    await show(other);
    const named = (mode: string, ca: string) =>
      `postgres://tls@localhost:PORT/net?sslmode=${mode}&sslrootcert=DIR/${ca}`;
    expect(await tlsOf(named("verify-ca", "other.pem"))).toBe(true);
    expect(await tlsOf("postgres://tls@localhost:PORT/net?sslmode=require")).toBe(true);
    expect(await refusalOf(named("verify-full", "other.pem"))).toEqual(
      unavailable(/is for another name .*sslmode=verify-ca/),
    );
    for (const mode of ["verify-ca", "verify-full", "require"])
      expect(await refusalOf(named(mode, "right.pem"))).toEqual(unavailable(/is not trusted .*sslrootcert=FILE/));
    expect(await refusalOf("postgres://tls@localhost:PORT/net?sslmode=verify-full")).toEqual(
      unavailable(/is not trusted/),
    );
    expect(await refusalOf("postgres://tls@localhost:PORT/net?sslmode=verify-full&sslrootcert=system")).toEqual(
      unavailable(/is not trusted/),
    );
    await show(old);
    expect(await refusalOf(named("verify-full", "old.pem"))).toEqual(unavailable(/has expired .*renew it/));
    expect(await tlsOf("postgres://tls@localhost:PORT/net?sslmode=require")).toBe(true);
    await show(right);
  });

  test("reads its certificates anew", async () => {
    await writeFile(join(dir, "mine.pem"), other.ca);
    const route = new DatabaseRoute(
      place("postgres://tls@localhost:PORT/net?sslmode=verify-full&sslrootcert=DIR/mine.pem"),
    );
    await expect(connectPostgres(route, "a test")).rejects.toThrow();
    await writeFile(join(dir, "mine.pem"), right.ca);
    await (await connectPostgres(route, "a test")).end();
  });
});

describe.skipIf(!hasPostgres)("a start is refused", { timeout: 60_000 }, () => {
  test.each([
    ["a name without address", "postgres://plain@nowhere.invalid/net", /has no address \(.*nowhere.invalid.*DNS/],
    ["a socket that is not there", "postgres:///net?host=DIR", /socket .* cannot be opened/],
    ["a wrong password", "postgres://locked:wrong@127.0.0.1:PORT/net", /refuses the user or the password/],
    [
      "no password",
      "postgres://locked@127.0.0.1:PORT/net",
      /asks for a password, and --database-url has none: .*--database-password-file/,
    ],
    ["no such role", "postgres://ghost@127.0.0.1:PORT/net", /role "ghost" does not exist/],
    ["no such database", "postgres://plain@127.0.0.1:PORT/none", /no such database .*create it/],
    [
      "one that is not let in",
      "postgres://stranger@127.0.0.1:PORT/net?sslmode=require",
      /let its address, user and database in with pg_hba.conf/,
    ],
    [
      "one that is let in with TLS alone",
      "postgres://tls@127.0.0.1:PORT/net",
      /does not let windlassd in without TLS .*sslmode=verify-full/,
    ],
    [
      "a client certificate that is missing",
      "postgres://cert@127.0.0.1:PORT/net?sslmode=require",
      /client certificate|certificate required/,
    ],
    [
      "a certificate that is no file",
      "postgres://tls@127.0.0.1:PORT/net?sslmode=require&sslrootcert=DIR/none.pem",
      /sslrootcert of --database-url cannot be read: ENOENT/,
    ],
    [
      "a certificate that is none",
      "postgres://tls@127.0.0.1:PORT/net?sslmode=require&sslcert=DIR/pgpass&sslkey=DIR/client.key",
      /certificates of --database-url cannot be used/,
    ],
    ["too many connections", "postgres://limited@127.0.0.1:PORT/net", /no connection left .*raise max_connections/],
    [
      "a user who may not create",
      "postgres://poor@127.0.0.1:PORT/net",
      /may not do what windlassd needs .*make it the owner/,
    ],
    [
      "an encoding that does not hold all texts",
      "postgres://postgres@127.0.0.1:PORT/narrow",
      /has the encoding SQL_ASCII.*needs UTF8/,
    ],
    [
      "a database that takes no changes",
      "postgres://postgres@127.0.0.1:PORT/fixed",
      /default_transaction_read_only is on.*SET default_transaction_read_only = off/,
    ],
    [
      "no host of several",
      "postgres://plain@127.0.0.1:1,127.0.0.1:2/net",
      /no host .* can be used \(127.0.0.1:1: .*ECONNREFUSED.*; 127.0.0.1:2: .*\): look at their names and ports/,
    ],
  ])("by %s, with what to do", async (_name, url, message) => {
    expect(await refusalOf(url)).toEqual(unavailable(message));
  });

  test("by a server that never answers, in time", async () => {
    await using mute = await answering(() => {});
    const began = performance.now();
    expect(await refusalOf(`postgres://me@127.0.0.1:${mute.port}/net?connect_timeout=1`)).toEqual(
      unavailable("did not answer in time"),
    );
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  test("by a server without TLS, if TLS is asked for", async () => {
    await using plain = await answering((socket) => socket.once("data", () => socket.write("N")));
    expect(await refusalOf(`postgres://me@127.0.0.1:${plain.port}/net?sslmode=require`)).toEqual(
      unavailable("PostgreSQL has no TLS here"),
    );
  });

  test("by tables that its user may not read", async () => {
    await (await openStore(place("postgres://postgres@127.0.0.1:PORT/net")))[Symbol.asyncDispose]();
    await admin.query("CREATE ROLE reader LOGIN");
    expect(await refusalOf("postgres://reader@127.0.0.1:PORT/net")).toEqual(
      unavailable(/may not do what windlassd needs \(permission denied for/),
    );
  });
});

/** What goes wrong while a database is served, and how it is mended. */
interface Trouble {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  readonly message: string;
}

const cutOff =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'served' AND pid <> pg_backend_pid()";
const on = async (...statements: readonly string[]) => {
  for (const statement of statements) await admin.query(statement);
};
const inServed = async (statement: string) => {
  const inside = new pg.Client({ connectionString: server.url("served") });
  await inside.connect();
  await inside.query(statement);
  return inside;
};
let blocker: pg.Client | undefined;

const troubles: readonly Trouble[] = [
  {
    name: "that takes no changes any more",
    begin: () => on("ALTER DATABASE served SET default_transaction_read_only = on", cutOff),
    end: () => on("ALTER DATABASE served RESET default_transaction_read_only"),
    message: "the database is read-only for now",
  },
  {
    name: "whose user may not write any more",
    begin: async () => (await inServed("REVOKE INSERT, UPDATE ON meta FROM keeper")).end(),
    end: async () => (await inServed("GRANT INSERT, UPDATE ON meta TO keeper")).end(),
    message: "the database does not let this server do what it needs",
  },
  {
    name: "that gives no connections",
    begin: () => on("ALTER ROLE keeper CONNECTION LIMIT 0", cutOff),
    end: () => on("ALTER ROLE keeper CONNECTION LIMIT -1"),
    message: "the database has no free connection",
  },
  {
    name: "where somebody holds a table",
    begin: async () => {
      blocker = await inServed("BEGIN; LOCK TABLE meta IN ACCESS EXCLUSIVE MODE");
    },
    end: async () => blocker?.end(),
    message: "the database took too long",
  },
  {
    name: "that lets its user in no more",
    begin: () => on("ALTER ROLE keeper NOLOGIN", cutOff),
    end: () => on("ALTER ROLE keeper LOGIN"),
    message: "the database cannot be reached",
  },
];

describe.skipIf(!hasPostgres)("a database", { timeout: 60_000 }, () => {
  beforeAll(() => on("CREATE ROLE keeper LOGIN", "CREATE DATABASE served OWNER keeper"));

  const served = (url = `postgres://keeper@${encodeURIComponent(server.directory)}:${port}/served`) => {
    return openStore({ url, settings: { ...defaultPostgres, statementTimeoutMs: 500 } });
  };
  const write = (store: Store) => store.write((tx) => tx.meta.set("key", "value"));
  const healed = (store: Store) =>
    expect.poll(() => write(store).then(() => "written", String), { timeout: 20_000 }).toBe("written");

  test.each(troubles)(
    "$name: writes are refused with a time to come back, and heal",
    async ({ begin, end, message }) => {
      await using store = await served();
      await write(store);
      await begin();
      // What was under way when it began may tell that its connection was lost.
      const told = () =>
        write(store).then(
          () => "written",
          (error: unknown) => error,
        );
      await expect.poll(told, { timeout: 20_000 }).toEqual(
        expect.objectContaining({
          ...{ code: "storage_unavailable", retryAfterMs: expect.any(Number) },
          message: expect.stringContaining(message),
        }),
      );
      await end();
      await healed(store);
    },
  );

  test("whose server is started again is used again", async () => {
    await using store = await served();
    await write(store);
    await admin.end();
    await server.stop("fast");
    await expect(write(store)).rejects.toEqual(unavailable("the database cannot be reached"));
    await server.start();
    admin = new pg.Client({ connectionString: server.url("postgres") });
    await admin.connect();
    await healed(store);
  });

  test.runIf(hasPgbouncer)("behind a PgBouncer that is started again is used again", async () => {
    await using pooler = await startPgbouncer(pgbouncerProgram, { server, target: server.socket });
    const settings = { ...defaultPostgres, pooling: "transaction" } as const;
    await using store = await openStore({ url: pooler.url("served"), settings });
    await write(store);
    await pooler.stop();
    await expect(write(store)).rejects.toEqual(unavailable("the database cannot be reached"));
    await pooler.start();
    await healed(store);
  });
});

/** A port where something else than PostgreSQL answers, or nothing. */
async function answering(answer: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const bound = listener.address();
  return {
    port: typeof bound === "object" ? (bound?.port ?? 0) : 0,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
