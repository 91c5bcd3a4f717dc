/** The primary of a database is lost in the middle of runs, and its standby takes its place. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { RunPhase } from "../src/gen/windlass/v1/run_pb.ts";
import { openCluster } from "./faults/cluster.ts";
import { expectPromisesKept, fakePlan, startFakeRun, untilApplying } from "./faults/fake-runs.ts";
import { hasPostgres } from "./postgres.ts";
import { ask, openPair } from "./postgres-pair.ts";
import type { PostgresServer } from "./postgres-server.ts";
import { openScene } from "./support/scene.ts";
import { until } from "./support/until.ts";

const sessionsOfNet = "SELECT sessions FROM pg_stat_database WHERE datname = 'net'";
const namesOn = async (server: PostgresServer) =>
  new Set((await ask(server, "SELECT name FROM workspaces", "net")).map(({ name }) => String(name)));

describe.skipIf(!hasPostgres)("a primary that is lost", { timeout: 300_000 }, () => {
  test("is followed to its standby: runs go on, and nothing that was acknowledged is missing", async () => {
    await using pair = await openPair();
    const { primary, standby, url } = pair;
    await using scene = await openScene();
    await using cluster = await openCluster(scene, { agents: 1, concurrency: 3, databaseUrl: url });
    const runs = [await startFakeRun(cluster, fakePlan({ applyLines: 150 })), await startFakeRun(cluster, fakePlan())];
    for (const run of runs) await untilApplying(cluster, run, 2);
    const followed = cluster.api.log(runs[0]?.id ?? "", RunPhase.APPLY).catch((error: unknown) => error);

    const acknowledged: string[] = [];
    let failedMs = 0;
    let healedMs = 0;
    const writing = new AbortController();
    const writer = (async () => {
      while (!writing.signal.aborted) {
        try {
          acknowledged.push(await cluster.api.workspace());
          if (failedMs > 0 && healedMs === 0) healedMs = performance.now();
        } catch {
          if (failedMs === 0) failedMs = performance.now();
        }
        await pause(20);
      }
    })();
    await until("something was acknowledged", () => acknowledged.length > 5);
    await primary.stop("immediately");
    const lostMs = performance.now();
    await until("the loss is felt", () => failedMs > 0);
    await standby.run("pg_ctl", ["promote"]);
    const promotedMs = performance.now();
    await until("writes are acknowledged again", () => healedMs > 0, { deadlineMs: 60_000 });
    const before = acknowledged.length;
    await until("and go on", () => acknowledged.length > before + 5);
    console.info(
      `writes failed for ${Math.round(healedMs - lostMs)} ms, ${Math.round(healedMs - promotedMs)} of them after the promotion`,
    );

    // It comes back as if nothing had happened, and the one that took its place stands still for a moment.
    await primary.start();
    await ask(primary, "ALTER SYSTEM RESET synchronous_standby_names");
    await ask(primary, "SELECT pg_reload_conf()");
    const sessions = async () => Number((await ask(primary, sessionsOfNet))[0]?.sessions);
    const sessionsBefore = await sessions();
    await standby.stop("fast");
    await until("the former primary was tried", async () => (await sessions()) > sessionsBefore + 2);
    await standby.start();
    const soFar = acknowledged.length;
    await until("writes go on where they were", () => acknowledged.length > soFar + 5, { deadlineMs: 60_000 });
    writing.abort();
    await writer;

    await followed;
    await expectPromisesKept(cluster, runs);
    const names = await namesOn(standby);
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
    expect([...(await namesOn(primary))].filter((name) => !names.has(name))).toEqual([]);
    expect(cluster.server.starts).toBe(1);

    // A promoted standby is the same database: a start accepts it.
    await primary.stop("fast");
    cluster.server.end("SIGTERM");
    await until("it was started again", () => cluster.server.starts === 2);
    await cluster.server.ready();
    await until(
      "it answers",
      async () => (await cluster.api.run(runs[0]?.id ?? "").catch(() => undefined)) !== undefined,
    );
    expect(cluster.server.surprises).toEqual([]);
  });
});
