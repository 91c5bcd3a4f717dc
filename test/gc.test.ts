import { readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { canMount, mountSmallDisk } from "./faults/small-disk.ts";
import { useStage } from "./support/stage.ts";
import { windlassd, windlassdOf } from "./support/windlassd.ts";

const stage = useStage({ serverAgents: 1 });

/** The counts that a collection told, by kind. */
const counts = (table: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...table.matchAll(/^([a-z ]+?) {2,}(\d+) /gm)].map(([, kind = "", count]) => [kind, Number(count)]),
  );

async function files(directory: string): Promise<readonly string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test("what a deleted workspace leaves is told beside the running server, and deleted once it is old and the server stopped", async () => {
  const { scene, server } = stage;
  const { api } = server;
  const keeps = await api.workspace();
  const goes = await api.workspace();
  for (const workspace of [keeps, goes]) {
    await api.upload(workspace, await scene.configuration(workspace === keeps ? "hello" : "variables"));
    const run = await api.planned(workspace, { planOnly: true });
    await api.ended(run.id);
  }
  await api.clients.workspaces.deleteWorkspace({ workspace: goes, force: true });

  const young = await windlassdOf(scene, server, ["gc", "--dry-run"]);
  expect(young, young.stderr).toMatchObject({ code: 0 });
  expect(counts(young.stdout)).toMatchObject({ runs: 0, "orphaned logs": 1, "orphaned objects": 0 });
  const blobs = join(server.dataDir, "blobs");
  const before = await files(blobs);
  const old = new Date(Date.now() - 2 * 3_600_000);
  for (const path of before) await utimes(path, old, old);
  const told = counts((await windlassdOf(scene, server, ["gc", "--dry-run"])).stdout);
  expect(told["orphaned objects"]).toBeGreaterThan(0);
  expect(await files(blobs)).toHaveLength(before.length);

  const refused = await windlassdOf(scene, server, ["gc"]);
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining("is in use by process") });
  await server.stop("SIGTERM");
  const done = await windlassdOf(scene, server, ["gc"]);
  expect(done, done.stderr).toMatchObject({ code: 0 });
  expect(counts(done.stdout)).toEqual(told);
  expect(await files(blobs)).toHaveLength(before.length - (told["orphaned objects"] ?? 0));
  expect(Object.values(counts((await windlassdOf(scene, server, ["gc"])).stdout)).every((count) => count === 0)).toBe(
    true,
  );

  await server.start();
  const [kept] = (await api.clients.runs.listRuns({ workspace: keeps })).runs;
  expect(await api.wholeLog(kept?.id ?? "")).toContain("terraform_data.greeting");
  expect(await api.planned(keeps, { planOnly: true })).toMatchObject({ hasChanges: true });
});

test.each([
  ["--keep-runs", "10m", "expected a duration of at least 1h"],
  ["--keep-audit", "59m", "expected a duration of at least 1h"],
  ["--keep-states", "2", "expected a number from 3 to 10000, or a duration of at least 1h"],
  ["--keep-states", "10m", "expected a number from 3 to 10000, or a duration of at least 1h"],
  ["--keep-states", "20000", "expected a number from 3 to 10000, or a duration of at least 1h"],
  ["--ended-key-ttl", "soon", "expected a duration such as"],
])("a retention that is none, or would delete what was made just now, is refused: %s %s", async (flag, value, why) => {
  const { scene, server } = stage;
  const answer = await windlassdOf(scene, server, ["gc", flag, value]);
  expect(answer).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
});

test("what is kept how long is told: by doctor, by the configuration, and to people by status", async () => {
  const { scene } = stage;
  const flags = ["--keep-states", "20", "--keep-audit", "400d", "--keep-runs", "90d"];
  const server = await scene.server({ args: flags });
  const { stdout } = await windlassdOf(scene, server, ["doctor", ...flags]);
  expect(stdout).toMatch(
    /retention +keep-runs 90d, keep-logs as long as the run, .*keep-states 20 of a workspace, keep-audit 400d/,
  );
  expect(stdout).toContain("lost-agent-ttl 7d, ended-key-ttl 90d");
  const printed = await windlassdOf(scene, server, ["config", "print", ...flags, "--keep-states", "36h"]);
  expect(printed.stdout).toMatch(/^keep-states: "?36h"?$/m);
  const status = await scene.cli(server, ["status"]);
  expect(status.stdout).toContain("Keeps");
  expect(status.stdout).toContain("states 20 of a workspace, audit 400d");
  const plain = await scene.cli(stage.server, ["status"]);
  expect(plain.stdout).toContain("states for ever, audit for ever");
});

describe("gc --vacuum", () => {
  /** As a program made it that did not give pages back. */
  function makeOld(path: string): void {
    const db = new Database(path);
    db.pragma("journal_mode = DELETE");
    db.pragma("auto_vacuum = NONE");
    db.exec("VACUUM; CREATE TABLE ballast (bytes BLOB)");
    const insert = db.prepare("INSERT INTO ballast VALUES (zeroblob(100000))");
    db.transaction(() => {
      for (let i = 0; i < 100; i += 1) insert.run();
    })();
    db.close();
  }
  function deleteMuch(path: string): void {
    const db = new Database(path);
    db.exec("DROP TABLE ballast");
    db.close();
  }
  const mode = (path: string) => {
    const db = new Database(path, { readonly: true });
    try {
      return db.pragma("auto_vacuum", { simple: true });
    } finally {
      db.close();
    }
  };

  test("writes both files anew, which then give room back by themselves, and loses nothing", async () => {
    const { scene } = stage;
    const server = await scene.server({ serverAgents: 1 });
    const workspace = await server.api.workspace();
    await server.api.upload(workspace, await scene.configuration("hello"));
    const run = await server.api.planned(workspace, { planOnly: true });
    const refused = await windlassdOf(scene, server, ["gc", "--vacuum"]);
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining("is in use by process") });
    await server.stop("SIGTERM");
    const paths = ["windlass.db", "logs.db"].map((name) => join(server.dataDir, name));
    for (const path of paths) {
      makeOld(path);
      deleteMuch(path);
    }

    const room = async () => (await windlassdOf(scene, server, ["doctor"])).stdout;
    expect(await room()).toMatch(/warn +free-room +\d+ MiB are free in windlass\.db, .*which stays so/);
    const told = await windlassdOf(scene, server, ["gc", "--vacuum", "--dry-run"]);
    expect(told.stdout).toMatch(/writing the files anew needs \d+ bytes of free disk; \d+ are free in/);
    for (const path of paths) expect((await stat(path)).size).toBeGreaterThan(9_000_000);
    const cutOff = ["vacuum-1", "vacuum-1-journal"].map((name) => join(server.dataDir, "maintenance", name));
    for (const path of cutOff) await writeFile(path, "left by one that was killed");
    const done = await windlassdOf(scene, server, ["gc", "--vacuum"]);
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(/^windlass\.db had \d+ bytes and has \d+$/m);
    expect(done.stdout).toMatch(/^logs\.db had \d+ bytes and has \d+$/m);
    for (const path of paths) {
      expect((await stat(path)).size).toBeLessThan(2_000_000);
      expect([mode(path), (await stat(path)).mode & 0o777]).toEqual([2, 0o600]);
    }
    expect(await room()).toMatch(/ok +free-room/);
    expect(await readdir(join(server.dataDir, "maintenance"))).not.toContainEqual(expect.stringMatching(/^vacuum-/));
    await server.start();
    expect(await server.api.wholeLog(run.id)).toContain("terraform_data.greeting");
  });

  test.runIf(canMount)("changes nothing where there is no room for the new files", async () => {
    const { scene } = stage;
    await using disk = await mountSmallDisk(join(scene.directory, "small"), 20);
    const dataDir = join(disk.path, "data");
    const start = scene.start("windlassd", [
      ...["--data-dir", dataDir, "--listen", "127.0.0.1:0", "--log-format", "json", "--server-agent-concurrency", "0"],
    ]);
    await start.says(/windlassd is ready/);
    await start.stop("SIGTERM");
    const path = join(dataDir, "windlass.db");
    makeOld(path);
    const answer = await windlassd(scene, ["gc", "--vacuum", "--data-dir", dataDir]);
    expect(answer).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/there is not enough room: .* needs \d+ bytes of free disk; \d+ are free/),
    });
    expect([(await stat(path)).size > 9_000_000, mode(path)]).toEqual([true, 0]);
    deleteMuch(path);
    expect(await windlassd(scene, ["gc", "--vacuum", "--data-dir", dataDir])).toMatchObject({ code: 0 });
    expect(mode(path)).toBe(2);
  });

  test("is not for PostgreSQL", async () => {
    const url = "postgres://nobody@127.0.0.1:1/none";
    const answer = await windlassdOf(stage.scene, stage.server, ["gc", "--vacuum", "--database-url", url]);
    expect(answer).toMatchObject({ code: 2, stderr: expect.stringContaining("--vacuum is for SQLite") });
  });
});
