import type pg from "pg";
import { expect, test } from "vitest";
import { hasPgbouncer, pgbouncerProgram, pooledPlace } from "../../../test/pgbouncer.ts";
import { startPgbouncer } from "../../../test/pgbouncer-server.ts";
import { openStore } from "../open.ts";
import { checkDatabase } from "./checkup.ts";
import { DatabaseRoute } from "./route.ts";

const facts = {
  pid: 7,
  ...{ is_standby: false, read_only: "off", version: 150_000, version_text: "15.0", encoding: "UTF8" },
  ...{ waits_for: "", commits: "on" },
};

/** A connection that answers with these facts. */
const saying = (change: Partial<typeof facts>) =>
  ({ processID: 7, query: async () => ({ rows: [{ ...facts, ...change }] }) }) as unknown as pg.Client;
const route = new DatabaseRoute({ url: "postgres://db" });
const refusal = (message: string) =>
  expect.objectContaining({ code: "storage_unavailable", message: expect.stringContaining(message) });

test.each([
  [{ version: 120_022, version_text: "12.22" }, "PostgreSQL 12.22 is too old: windlassd needs 13 or newer"],
  [{ encoding: "LATIN1" }, "has the encoding LATIN1, and windlassd needs UTF8"],
  [{ read_only: "on" }, "default_transaction_read_only is on"],
  [{ read_only: "on", is_standby: true }, "a standby, which only follows its primary"],
])("a database of %o is refused", async (change, message) => {
  await expect(checkDatabase(saying(change), { route })).rejects.toEqual(refusal(message));
});

test("a standby may be read, and a good database may be used", async () => {
  await checkDatabase(saying({ read_only: "on", is_standby: true }), { route, isToRead: true });
  await checkDatabase(saying({}), { route });
});

test.each([
  ["postgres://db", {}, []],
  ["postgres://db", { commits: "off" }, [expect.stringContaining("synchronous_commit is off")]],
  ["postgres://a,b", {}, [expect.stringContaining("no standby is waited for")]],
  ["postgres://a,b", { waits_for: "b", commits: "local" }, [expect.stringContaining("no standby is waited for")]],
  ["postgres://a,b", { waits_for: "b" }, []],
])("what %s with %o may lose is told", async (url, change, expected) => {
  const told: string[] = [];
  await checkDatabase(saying(change), { route: new DatabaseRoute({ url }), warn: (message) => told.push(message) });
  expect(told).toEqual(expected);
});

test.runIf(hasPgbouncer)("a pooler of transactions is told from one of sessions, and from none", async () => {
  await using held = new AsyncDisposableStack();
  const { url, directUrl } = await pooledPlace(held);
  // It knows no time-outs of a session: that alone says what it is.
  await expect(openStore({ url })).rejects.toEqual(refusal("say --database-pooling transaction"));
  const database = new URL(directUrl).pathname.slice(1);
  const server = { directory: decodeURIComponent(new URL(directUrl).hostname) };
  const settings = ["ignore_startup_parameters = idle_in_transaction_session_timeout,statement_timeout"];
  const shared = held.use(await startPgbouncer(pgbouncerProgram, { server, settings }));
  await expect(openStore({ url: shared.url(database) })).rejects.toEqual(refusal("shared by transaction"));
  const own = held.use(await startPgbouncer(pgbouncerProgram, { server, settings, mode: "session" }));
  await (await openStore({ url: own.url(database) }))[Symbol.asyncDispose]();
  await (await openStore({ url: directUrl }))[Symbol.asyncDispose]();
});
