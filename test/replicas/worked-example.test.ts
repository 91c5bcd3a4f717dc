/** docs/high-availability.md as it stands: two servers behind HAProxy, on a primary and its standby, each behind a PgBouncer. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { Front, freePort, openPlace } from "../networks/front.ts";
import { haproxy } from "../networks/haproxy.ts";
import { hasPgbouncer, pgbouncerProgram } from "../pgbouncer.ts";
import { startPgbouncer } from "../pgbouncer-server.ts";
import { openPair } from "../postgres-pair.ts";
import { Api } from "../support/api.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";

const page = new URL("../../docs/high-availability.md", import.meta.url);

/** The configuration of the page, with the addresses of this test. */
async function configuration(replacements: Readonly<Record<string, string>>): Promise<string> {
  const [, block = ""] = /^```haproxy\n(.*?)^```$/ms.exec(await readFile(page, "utf8")) ?? [];
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the page has no ${from}`);
    return text.replaceAll(from, to);
  }, block);
}

async function startServer(scene: Scene, name: string, database: readonly string[]) {
  const port = await freePort();
  const dataDir = join(scene.directory, name);
  const args = [
    ...["--data-dir", dataDir, "--listen", `127.0.0.1:${port}`, "--server-agent-concurrency", "0"],
    ...["--heartbeat-interval", "1s", "--shutdown-timeout", "2s", "--log-format", "json", ...database],
  ];
  const program = scene.start("windlassd", args, { WINDLASS_MASTER_KEY: "ab".repeat(32) });
  await program.says(/windlassd is ready/);
  return { program, dataDir, address: `127.0.0.1:${port}` };
}

describe.skipIf(!hasPgbouncer)("the worked example", { timeout: 300_000 }, () => {
  test("goes on when the database's primary is lost, and when a server is", async () => {
    await using pair = await openPair();
    await using held = new AsyncDisposableStack();
    const poolers = [];
    for (const server of [pair.primary, pair.standby])
      poolers.push(held.use(await startPgbouncer(pgbouncerProgram, { server, target: server.socket })));
    const hosts = poolers.map(({ directory }) => encodeURIComponent(directory)).join(",");
    const pooled = `postgres://postgres@/net?host=${hosts}&port=6432&connect_timeout=3`;
    await using scene = await openScene();
    const database = ["--database-url", pooled, "--database-direct-url", pair.url, "--database-pooling", "transaction"];
    const one = await startServer(scene, "one", database);
    const two = await startServer(scene, "two", database);
    const place = await openPlace(scene, "haproxy");
    const port = await freePort();
    const text = await configuration({
      "bind :443": `bind 127.0.0.1:${port}`,
      "/etc/haproxy/windlass.pem": place.both,
      "10.0.0.1:7070": one.address,
      "10.0.0.2:7070": two.address,
    });
    const front = await Front.open(scene, {
      command: haproxy.path,
      args: ["-db", "-f", await place.write("haproxy.cfg", text)],
      port,
    });
    const url = `https://127.0.0.1:${port}`;
    const adminTokenFile = join(one.dataDir, "admin-token");
    const api = held.use(
      new Api(url, (await readFile(adminTokenFile, "utf8")).trim(), await readFile(place.ca, "utf8")),
    );
    /** How long it takes until a change is made again. */
    const healed = async () => {
      const began = performance.now();
      const change = () => api.workspace().catch(() => undefined);
      await until("changes are made again", change, { deadlineMs: 60_000 });
      return Math.round(performance.now() - began);
    };
    const pool = await until("HAProxy lets calls through", () => api.pool().catch(() => undefined), {
      seen: () => front.said(),
    });
    const server = { ...one, url, adminTokenFile, api, databaseUrl: pair.url, start: async () => {} };
    await scene.agent({ ...server, stop: () => one.program.stop() }, { pool, env: { WINDLASS_CA_FILE: place.ca } });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await scene.configuration("slow"));
    const seconds = 20;
    const run = await api.start(workspace, {
      autoApply: true,
      variables: [
        { key: "seconds", value: String(seconds), hcl: true },
        { key: "run", value: '"example"', hcl: true },
      ],
    });
    const printed = async (line: string) => (await api.log(run, RunPhase.APPLY, false)).text.includes(line);
    await until("terraform prints", () => printed("second 1 of").catch(() => false), { deadlineMs: 60_000 });

    await pair.primary.stop("immediately");
    await pair.standby.run("pg_ctl", ["promote"]);
    console.info(`the database took changes again ${await healed()} ms after its standby was promoted`);
    one.program.signal("SIGKILL");
    console.info(`changes were made again ${await healed()} ms after a server was killed`);

    await until("the run ends", async () => (await api.run(run).catch(() => undefined))?.state === RunState.APPLIED, {
      deadlineMs: 120_000,
    });
    const { text: log } = await api.log(run, RunPhase.APPLY);
    for (let second = 1; second <= seconds; second += 1) expect(log).toContain(`second ${second} of ${seconds}`);
  });
});
