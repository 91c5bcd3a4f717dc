import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../postgres.ts";
import { startProgram } from "../support/programs.ts";
import { openScene } from "../support/scene.ts";
import { openCluster } from "./cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "./fake-runs.ts";
import { runBatch } from "./schedule.ts";

const lockedMs = 7_000;

/** Holds a write lock on an SQLite file for a while, as a backup tool might. */
const locker = `
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(process.argv[1]);
  db.pragma("busy_timeout = 5000");
  db.exec("BEGIN IMMEDIATE");
  console.log("locked");
  setTimeout(() => { db.exec("ROLLBACK"); db.close(); }, ${lockedMs});
`;

test.concurrent.each(["windlass.db", "logs.db"])(
  "%s locked by another process: late, and nothing lost",
  { timeout: 600_000 },
  async (file) => {
    await using scene = await openScene();
    await using cluster = await openCluster(scene, { agents: 1, concurrency: 3 });
    const runs = [await startFakeRun(cluster, fakePlan({ applyLines: 150 })), await startFakeRun(cluster, fakePlan())];
    for (const run of runs) await untilApplying(cluster, run, 2);
    await using other = startProgram({
      name: "the other process",
      command: process.execPath,
      args: ["--input-type=module", "-e", locker, `${cluster.serverDataDir}/${file}`],
      cwd: import.meta.dirname,
    });
    await other.says(/locked/);
    expect(await other.ended).toEqual({ code: 0, signal: null });
    await expectPromisesKept(cluster, runs);
    expect(cluster.server.starts).toBe(1);
  },
);

describe.skipIf(!hasPostgres).concurrent("PostgreSQL", { timeout: 600_000 }, () => {
  test("whose back ends are terminated in mid-run: nothing lost", async () => {
    await using database = await createTestDatabase();
    await using scene = await openScene();
    await using cluster = await openCluster(scene, { agents: 1, concurrency: 3, databaseUrl: database.url });
    const runs = [await startFakeRun(cluster, fakePlan({ applyLines: 150 })), await startFakeRun(cluster, fakePlan())];
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    let ended = 0;
    for (let count = 0; count < 200 && (count < 20 || ended < 20); count++) {
      const { rowCount } = await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
      );
      ended += rowCount ?? 0;
      await pause(300);
    }
    await admin.end();
    expect(ended).toBeGreaterThanOrEqual(20);
    await expectPromisesKept(cluster, runs);
    expect(cluster.server.starts).toBe(1);
  });

  test("under a random schedule", async () => {
    await using database = await createTestDatabase();
    const { violations, evidence } = await runBatch({ seed: 7, runs: 4, databaseUrl: database.url });
    expect(violations, evidence).toEqual([]);
  });
});
