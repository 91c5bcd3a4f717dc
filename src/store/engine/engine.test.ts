import { mkdtemp, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type Database from "better-sqlite3";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { hasPgbouncer, pooledPlace } from "../../../test/pgbouncer.ts";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import {
  type Account,
  type FixtureEngine,
  openPostgresFixture,
  openSqliteFixture,
} from "../../../test/support/store/schema.ts";
import { postgresDialect, sqliteDialect } from "./dialect.ts";

const account = (id: string, balance = 0): Account => ({
  id,
  balance,
  isOpen: null,
  openedAt: null,
  picture: null,
  notes: null,
});

/** Calls `hear` whenever a statement of this text is run, before it. */
function watchStatement(connection: Database.Database, text: string, hear: () => void): void {
  const prepare = connection.prepare.bind(connection);
  const prepareHeard = (statement: string) => {
    const prepared = prepare(statement);
    const run = prepared.run.bind(prepared);
    prepared.run = (...params: unknown[]) => {
      if (statement === text) hear();
      return run(...params);
    };
    return prepared;
  };
  Object.assign(connection, { prepare: prepareHeard });
}

const engines = [
  {
    name: "sqlite",
    dialect: sqliteDialect,
    open: async (held: AsyncDisposableStack) => {
      const folder = await mkdtemp(join(tmpdir(), "windlass-engine-"));
      held.defer(() => rm(folder, { recursive: true, force: true }));
      return held.use(openSqliteFixture(join(folder, "store.db")));
    },
  },
  {
    name: "postgres",
    dialect: postgresDialect,
    open: async (held: AsyncDisposableStack) => {
      const { url } = held.use(await createTestDatabase());
      return held.use(await openPostgresFixture({ url }));
    },
  },
  {
    name: "postgres behind PgBouncer",
    dialect: postgresDialect,
    open: async (held: AsyncDisposableStack) => held.use(await openPostgresFixture(await pooledPlace(held))),
  },
].filter(({ name }) => name === "sqlite" || (name === "postgres" ? hasPostgres : hasPgbouncer));

describe.each(engines)("the engine on $name", ({ dialect, open }) => {
  let held: AsyncDisposableStack;
  let engine: FixtureEngine;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    engine = await open(held);
  });
  afterEach(() => held.disposeAsync());

  test("every type comes back as it was written, nulls included", async () => {
    const full: Account = {
      id: "full",
      balance: Number.MAX_SAFE_INTEGER,
      isOpen: false,
      openedAt: new Date("2026-02-03T04:05:06.789Z"),
      picture: new Uint8Array([0, 255, 7]),
      notes: { text: "é\\u0000", list: [1, null, true] },
    };
    await engine.write(async (tx) => {
      await tx.accounts.put(full);
      await tx.accounts.put(account("empty"));
    });
    expect(await engine.read((tx) => tx.accounts.get("full"))).toStrictEqual(full);
    expect(await engine.read((tx) => tx.accounts.get("empty"))).toStrictEqual(account("empty"));
    expect(await engine.read((tx) => tx.accounts.find(full.openedAt, false))).toEqual(["full"]);
    expect(await engine.read((tx) => tx.accounts.find(null, null))).toEqual([]);
  });

  test.each([
    ["U+0000 in text", account("a\0b")],
    ["a lone surrogate in text", account("a\ud800b")],
    ["U+0000 in json", { ...account("json"), notes: { a: "\0" } }],
    ["a fraction", account("half", 0.5)],
    ["an integer past 2^53", account("big", 2 ** 53)],
    ["an instant past the year 9999", { ...account("late"), openedAt: new Date(Date.UTC(10_000, 0, 1)) }],
  ])("%s is refused on both engines", async (_, row) => {
    await expect(engine.write((tx) => tx.accounts.put(row))).rejects.toMatchObject({ code: "validation" });
    await expect(engine.write((tx) => tx.accounts.putIfAbsent(row))).rejects.toMatchObject({ code: "validation" });
  });

  test("text sorts by code point whatever the database's locale", async () => {
    const ids = ["a", "B", "_", "é", "Z", "1", "~"];
    await engine.write(async (tx) => {
      for (const id of ids) await tx.accounts.put(account(id));
    });
    expect(await engine.read((tx) => tx.accounts.ids())).toEqual(ids.toSorted());
  });

  test("a write that throws leaves nothing, and its neighbours stand", async () => {
    const results = await Promise.allSettled(
      ["one", "two", "three"].map((id) =>
        engine.write(async (tx) => {
          await tx.accounts.put(account(id));
          if (id === "two") throw new Error("changed my mind");
        }),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await engine.read((tx) => tx.accounts.ids())).toEqual(["one", "three"]);
  });

  test("a failed statement names its failure and never its parameters", async () => {
    await engine.write((tx) => tx.accounts.put(account("secret-1")));
    const duplicate = await engine.write((tx) => tx.accounts.put(account("secret-1"))).catch((error: unknown) => error);
    const negative = await engine.write((tx) => tx.accounts.set("secret-1", -1)).catch((error: unknown) => error);
    expect([dialect.failure(duplicate), dialect.failure(negative)]).toEqual(["duplicate", "check"]);
    expect(String(duplicate)).not.toContain("secret-1");
  });

  test("a conflict that is expected is an answer, not an error", async () => {
    const twice = await engine.write(async (tx) => [
      await tx.accounts.putIfAbsent(account("a")),
      await tx.accounts.putIfAbsent(account("a")),
    ]);
    expect(twice).toEqual([true, false]);
  });

  test("a read cannot write", async () => {
    await expect(engine.read((tx) => tx.accounts.put(account("a")))).rejects.toThrow(/read-?only/i);
  });

  test("a read is one snapshot", async () => {
    await engine.write((tx) => tx.accounts.put(account("a", 1)));
    const seen = await engine.read(async (tx) => {
      const before = await tx.accounts.get("a");
      const after = await tx.accounts.get("a");
      return [before?.balance, after?.balance];
    });
    expect(seen).toEqual([1, 1]);
  });

  test("a transaction inside a transaction is refused", async () => {
    for (const outer of ["write", "step", "read"] as const) {
      await expect(engine[outer](() => engine.write((tx) => tx.accounts.put(account("a"))))).rejects.toThrow(
        /begun inside another/,
      );
    }
    expect(await engine.read((tx) => tx.accounts.ids())).toEqual([]);
  });

  test("queries are refused once their transaction has ended", async () => {
    const kept = await engine.write(async (tx) => ({ tx, accounts: tx.accounts }));
    expect(() => kept.tx.accounts).toThrow(/after it ended/);
    expect(() => kept.accounts.ids()).toThrow(/after it ended/);
  });

  test("of claims at once one takes each ticket", async () => {
    await engine.write(async (tx) => {
      for (let i = 0; i < 50; i += 1) await tx.tickets.put(`t${i}`);
    });
    const claims = await Promise.all(
      Array.from({ length: 120 }, (_, i) => engine.step((tx) => tx.tickets.claim(`t${i % 50}`, `h${i}`))),
    );
    const ids = claims.flatMap((claim) => (claim === undefined ? [] : [claim.id]));
    expect(new Set(ids).size).toBe(50);
    expect(ids.length).toBe(50);
    expect((await engine.read((tx) => tx.tickets.all())).every(({ epoch }) => epoch === 1)).toBe(true);
  });

  test("concurrent transfers, checked balances and snapshots hold, whatever their order", {
    timeout: 60_000,
  }, async () => {
    await engine.write(async (tx) => {
      for (const id of ["a", "b", "c"]) await tx.accounts.put(account(id));
    });
    const name = fc.constantFrom("a", "b", "c");
    const transfer = fc.record({
      from: name,
      to: name,
      amount: fc.integer({ min: 1, max: 60 }),
      kind: fc.constantFrom("decide", "where"),
    });
    const plan = fc.array(transfer, { minLength: 2, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(plan, async (moves) => {
        await engine.write(async (tx) => {
          for (const id of ["a", "b", "c"]) await tx.accounts.set(id, 100);
        });
        const totals: number[] = [];
        await Promise.all(
          moves.flatMap((move) => [
            engine.write(async (tx) => {
              const from = (await tx.accounts.get(move.from))?.balance ?? 0;
              if (move.from === move.to || from < move.amount) return;
              if (move.kind === "where") await tx.accounts.take(move.from, move.amount);
              else await tx.accounts.set(move.from, from - move.amount);
              const to = (await tx.accounts.get(move.to))?.balance ?? 0;
              await tx.accounts.set(move.to, to + move.amount);
            }),
            engine.read((tx) => tx.accounts.total()).then((total) => totals.push(total)),
          ]),
        );
        expect(new Set([...totals, await engine.read((tx) => tx.accounts.total())])).toEqual(new Set([300]));
      }),
      { numRuns: dialect.name === "sqlite" ? 40 : 5 },
    );
  });

  test("a limit checked by eight writers at once lets one through", async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        engine.write(async (tx) => {
          if ((await tx.accounts.ids()).length > 0) return false;
          await tx.accounts.put(account(`only-${i}`));
          return true;
        }),
      ),
    );
    expect(results.filter(Boolean).length).toBe(1);
  });

  test("closing lets what has begun finish, and refuses the rest", async () => {
    const last = engine.write((tx) => tx.accounts.put(account("last")));
    await held.disposeAsync();
    await expect(last).resolves.toBeUndefined();
    await expect(engine.write((tx) => tx.accounts.put(account("later")))).rejects.toThrow();
  });
});

describe("the engine on sqlite", () => {
  let held: AsyncDisposableStack;
  let path: string;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "windlass-engine-"));
    held.defer(() => rm(folder, { recursive: true, force: true }));
    path = join(folder, "store.db");
  });
  afterEach(() => held.disposeAsync());

  test("a callback that awaits something else than its queries is refused and holds up nobody", async () => {
    const engine = held.use(openSqliteFixture(path));
    const slow = engine.write(async (tx) => {
      await tx.accounts.put(account("slow"));
      await nextTurn();
      await nextTurn();
    });
    const quick = engine.write((tx) => tx.accounts.put(account("quick")));
    await expect(slow).rejects.toThrow(/awaited something else/);
    await quick;
    expect(await engine.read((tx) => tx.accounts.ids())).toEqual(["quick"]);
  });

  test("a full disk refuses what it cannot hold, loses nothing else, and later writes go on", async () => {
    let makeRoom = () => {};
    const engine = held.use(
      openSqliteFixture(path, {
        tune: (writer) => {
          writer.pragma("max_page_count = 40");
          makeRoom = () => writer.pragma("max_page_count = 4000");
        },
      }),
    );
    const large = (id: string) => ({ ...account(id), picture: new Uint8Array(20_000) });
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) => engine.write((tx) => tx.accounts.put(large(`row-${i}`)))),
    );
    const refused = results.filter((result) => result.status === "rejected").map(({ reason }) => reason);
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toMatchObject({ code: "storage_unavailable" });
    expect(await engine.read((tx) => tx.accounts.ids())).toHaveLength(30 - refused.length);
    makeRoom();
    await engine.write((tx) => tx.accounts.put(large("later")));
    expect(await engine.read((tx) => tx.accounts.get("later"))).toBeDefined();
  });

  test("twenty writes that wait together are durable by one commit", async () => {
    const commits: string[] = [];
    const engine = held.use(
      openSqliteFixture(path, {
        tune: (writer) => {
          watchStatement(writer, "COMMIT", () => commits.push("COMMIT"));
        },
      }),
    );
    await Promise.all(Array.from({ length: 20 }, (_, i) => engine.write((tx) => tx.accounts.put(account(`${i}`)))));
    expect(commits.length).toBeGreaterThan(0);
    expect(commits.length).toBeLessThanOrEqual(3);
  });

  test("after a commit of unknown outcome every write is refused at once, also if whoever is told of it throws", async () => {
    const told: string[] = [];
    const engine = held.use(
      openSqliteFixture(path, {
        tune: (writer) => {
          watchStatement(writer, "COMMIT", () => {
            throw new Error("no fsync");
          });
        },
        log: {
          warn: () => {},
          error: () => {
            told.push("log");
            throw new Error("the log cannot be written");
          },
        },
        onFatal: () => {
          told.push("onFatal");
          throw new Error("nobody can be told");
        },
      }),
    );
    const write = () => engine.write((tx) => tx.accounts.put(account("a")));
    const [first, waiting] = [write(), write()];
    // The second shares the commit, unless the first took too long for it.
    const ofWaiting = { code: expect.stringMatching(/^(outcome_unknown|storage_unavailable)$/) };
    await Promise.all([
      expect(first).rejects.toMatchObject({ code: "outcome_unknown" }),
      expect(waiting).rejects.toMatchObject(ofWaiting),
    ]);
    await expect(write()).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(told).toEqual(["log", "onFatal"]);
  });

  test("room that deleted rows leave is given back a few pages at a time", async () => {
    const engine = held.use(openSqliteFixture(path));
    const large = (id: string) => ({ ...account(id), picture: new Uint8Array(20_000) });
    for (let i = 0; i < 30; i++) await engine.write((tx) => tx.accounts.put(large(`row-${i}`)));
    const full = await engine.space();
    await engine.write((tx) => tx.accounts.clear());
    expect((await engine.space()).freeBytes).toBeGreaterThan(30 * 20_000);
    let steps = 0;
    while (await engine.giveBack(20)) steps += 1;
    expect(steps).toBeGreaterThan(3);
    const empty = await engine.space();
    expect(empty.freeBytes).toBe(0);
    expect(empty.bytes).toBeLessThan(full.bytes / 10);
  });
});

describe.runIf(hasPostgres)("the engine on postgres", () => {
  test("a failed statement that the callback swallowed is an error, not a silent rollback", async () => {
    await using held = new AsyncDisposableStack();
    const database = held.use(await createTestDatabase());
    const engine = held.use(await openPostgresFixture({ url: database.url }));
    await engine.write((tx) => tx.accounts.put(account("a")));
    const swallowing = engine.write((tx) => tx.accounts.put(account("a")).catch(() => undefined));
    await expect(swallowing).rejects.toThrow(/caught inside a transaction/);
  });

  test("statements that are sent together are one write to the socket, the beginning among them", async () => {
    await using database = await createTestDatabase();
    await using engine = await openPostgresFixture({ url: database.url });
    await engine.write(({ accounts }) => accounts.put(account("a")));
    const writes = [vi.spyOn(Socket.prototype, "_write"), vi.spyOn(Socket.prototype, "_writev")];
    const count = () => writes.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    try {
      await engine.read(({ accounts }) => Promise.all([accounts.get("a"), accounts.get("b"), accounts.get("c")]));
      expect(count()).toBeLessThanOrEqual(2);
    } finally {
      for (const spy of writes) spy.mockRestore();
    }
  });

  test("what is told is the statement that failed, not those behind it that were sent along", async () => {
    await using held = new AsyncDisposableStack();
    const { url } = held.use(await createTestDatabase());
    const engine = held.use(await openPostgresFixture({ url }));
    await engine.write((tx) => tx.accounts.put(account("a")));
    for (const run of [engine.write, engine.step]) {
      const told = await run(async (tx) => {
        const bad = tx.accounts.put(account("a"));
        const behind = bad.catch(() => undefined).then(() => tx.accounts.get("a"));
        await behind;
        await bad;
      }).catch((error: unknown) => error);
      expect(postgresDialect.failure(told)).toBe("duplicate");
    }
  });
});
