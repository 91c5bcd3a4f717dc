/** A database that does not answer any more, though nothing says that it is gone. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../src/store/open.ts";
import type { Store } from "../src/store/ports/store.ts";
import { defaultPostgres } from "../src/store/postgres/settings.ts";
import { hasPgbouncer, pgbouncerProgram } from "./pgbouncer.ts";
import { startPgbouncer } from "./pgbouncer-server.ts";
import { findPostgresBin, hasty, type PostgresServer, startPostgresServer } from "./postgres-server.ts";
import { Api } from "./support/api.ts";
import { Relay } from "./support/relay.ts";
import { openScene } from "./support/scene.ts";
import { freePort } from "./support/server.ts";
import { until } from "./support/until.ts";

const timeoutMs = 4_000;
/** What a process may take to end beside what it waits for, on a busy machine. */
const slackMs = 4_000;

describe.skipIf(!hasPgbouncer)("a database that does not answer", { timeout: 120_000 }, () => {
  let server: PostgresServer;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    const hba = ["host all all 127.0.0.1/32 trust"];
    server = await startPostgresServer(findPostgresBin() ?? "", { port, hba, settings: hasty });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test("behind a pooler: who asks first is not kept waiting with it", async () => {
    await using pooler = await startPgbouncer(pgbouncerProgram, { server, target: server.socket });
    await using _migrated = await openStore({ url: server.url("postgres") });
    const settings = { ...defaultPostgres, pooling: "transaction" as const };
    await using store = await openStore({ url: pooler.url("postgres"), migrate: "off", settings });
    const ways: readonly ((store: Store) => Promise<unknown>)[] = [
      (open) => open.step((tx) => tx.replicas.all()),
      (open) => open.write((tx) => tx.replicas.all()),
    ];
    for (const ask of ways) {
      await ask(store);
      await server.stop("immediately");
      const began = performance.now();
      await expect(ask(store)).rejects.toMatchObject({ code: "storage_unavailable" });
      expect(performance.now() - began).toBeLessThan(9_000);
      await server.start();
      await until("it is asked again", () => ask(store).catch(() => undefined));
    }
  });

  test("ends no server later than it was to end, whether it serves or only starts", async () => {
    await using relay = await Relay.open(`postgres://127.0.0.1:${port}`);
    await using scene = await openScene();
    const start = (name: string) =>
      scene.start("windlassd", [
        ...["--data-dir", join(scene.directory, name), "--listen", "127.0.0.1:0", "--log-format", "json"],
        ...["--server-agent-concurrency", "0", "--shutdown-timeout", `${timeoutMs}ms`],
        ...["--database-url", `postgres://postgres@127.0.0.1:${relay.port}/postgres?connect_timeout=60`],
      ]);
    const serving = start("serving");
    const [, url = ""] = await serving.says(/"url":"([^"]+)"[^\n]*windlassd is ready/);
    using api = new Api(url, (await readFile(join(scene.directory, "serving/admin-token"), "utf8")).trim());
    await api.workspace();
    relay.shapeBoth({ kind: "stall" });
    const starting = start("starting");
    await until("both ask", () => relay.connections > 3);
    const asked = api.workspace().catch(() => "refused");
    for (const program of [serving, starting]) {
      const began = performance.now();
      expect(await program.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - began).toBeLessThan(timeoutMs + slackMs);
    }
    expect(await asked).toBe("refused");
  });
});
