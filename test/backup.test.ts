import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { copyDatabase, createTestDatabase, hasPostgres } from "./postgres.ts";
import { type CountingEngine, countingEngine } from "./support/engine.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";
import { windlassd, windlassdOf } from "./support/windlassd.ts";

/** An apply that goes on until a file is there. */
const gated = `
  variable "gate" {}
  resource "terraform_data" "gate" {
    provisioner "local-exec" {
      command = "echo it waits; until [ -e \${var.gate} ]; do sleep 0.1; done; echo it goes on"
    }
  }
  output "done" { value = terraform_data.gate.id }
`;

describe("a backup", () => {
  const stage = useStage();
  let pool = "";
  let engine: CountingEngine;

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    engine = await countingEngine(stage.scene.directory);
  });

  const workspaceOf = async (configuration: string) => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, configuration);
    return workspace;
  };
  const hello = async () => workspaceOf(await stage.scene.configuration("hello"));

  /** A workspace whose applies wait until they are let on. */
  async function gatedWorkspace() {
    const directory = join(stage.scene.directory, randomUUID());
    await mkdir(directory);
    await writeFile(join(directory, "main.tf"), gated);
    const gate = `${directory}.gate`;
    const letOn = () => writeFile(gate, "");
    return { workspace: await workspaceOf(directory), variables: [{ key: "gate", value: gate }], letOn };
  }

  /**
   * Puts a backup in the place of what the server has, as after the loss of its disk. Only the key and the token are
   * left.
   */
  async function restore(file: string): Promise<string> {
    const { dataDir } = stage.server;
    const lost = `${dataDir}-lost-${(await readdir(stage.scene.directory)).length}`;
    await rename(dataDir, lost);
    await mkdir(dataDir);
    const refused = await windlassdOf(stage.scene, stage.server, ["restore", file]);
    expect(refused, refused.stderr).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("without its master key"),
    });
    for (const name of ["master.key", "admin-token"]) await copyFile(join(lost, name), join(dataDir, name));
    const restored = await windlassdOf(stage.scene, stage.server, ["restore", file]);
    expect(restored, restored.stderr).toMatchObject({ code: 0 });
    return restored.stdout;
  }

  async function backUp(): Promise<string> {
    const file = join(stage.scene.directory, "backup.tar.gz");
    const made = await windlassdOf(stage.scene, stage.server, ["backup", file]);
    expect(made, made.stderr).toMatchObject({ code: 0, stdout: "" });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    return file;
  }

  const applying = (runId: string) =>
    until("the apply prints", async () =>
      /it waits/.test((await stage.server.api.log(runId, RunPhase.APPLY, false)).text),
    );

  test("made while a run applies holds everything; its agent brings the end to the restored server", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const agent = await scene.agent(server, { pool, concurrency: 2, args: engine.args });
    const before = (await engine.executions("apply")).length;
    const done = await hello();
    const waiting = await hello();
    const { workspace: running, variables, letOn } = await gatedWorkspace();
    await api.applied(done);
    const planned = await api.planned(waiting);
    const runId = await api.start(running, { autoApply: true, variables });
    await applying(runId);

    const file = await backUp();
    await api.confirm(planned.id);
    await api.ended(planned.id);
    await server.stop("SIGKILL");
    expect(await restore(file)).toMatch(/runs that had not ended: 2.*\n.*keep locked: 2/);
    await server.start();
    await letOn();

    const told = await api.runWhen(runId, "its agent has come back", (run) => /Recovered/.test(run.errorMessage), {
      deadlineMs: 60_000,
    });
    expect(told).toMatchObject({
      state: RunState.ERRORED,
      errorMessage: expect.stringMatching(
        /restored from a backup of .*, when this run was applying.*Recovered: .*everything, state serial \d+ was recovered/,
      ),
    });
    const log = await api.log(runId, RunPhase.APPLY);
    expect(log.missingBytes).toBe(0);
    expect(log.text).toMatch(/it waits[\s\S]*it goes on[\s\S]*Apply complete!/);
    expect(Object.keys(await api.outputs(running))).toEqual(["done"]);
    expect((await api.getWorkspace(running)).lock).toBeUndefined();
    expect(await api.outputs(done)).toEqual({ greeting: "hello, world" });

    // What was confirmed after the backup cannot be confirmed again, and nobody else gets the workspace.
    expect(await api.run(planned.id)).toMatchObject({ state: RunState.ERRORED });
    await expect(api.confirm(planned.id)).rejects.toThrow();
    expect((await api.getWorkspace(waiting)).lock).toMatchObject({ runId: planned.id });
    const resolved = await scene.cli(server, ["run", "resolve", planned.id, "unlock", "--yes"]);
    expect(resolved, resolved.stderr).toMatchObject({ code: 0 });
    expect((await engine.executions("apply")).length - before).toBe(3);
    // The same agent, with a new session: it takes jobs.
    expect(await api.planned(waiting)).toMatchObject({ state: RunState.PLANNED });
    await agent.stop("SIGTERM");
  });

  test("knows an apply only as queued: the agent that executed it since is heard, what it does not know is ended and kept", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const first = await scene.agent(server, { pool, args: engine.args });
    const { workspace: running, variables, letOn } = await gatedWorkspace();
    const planned = await api.planned(running, { variables });
    await first.stop("SIGTERM");
    await api.confirm(planned.id);
    const token = (await api.token(pool)).secret;
    const file = await backUp();
    const before = (await engine.executions("apply")).length;
    const agent = await scene.agent(server, { pool, token, concurrency: 2, args: engine.args });
    const later = await gatedWorkspace();
    const laterId = await api.start(later.workspace, { autoApply: true, variables: later.variables });
    await Promise.all([applying(planned.id), applying(laterId)]);
    await server.stop("SIGKILL");
    await restore(file);
    await server.start();
    await letOn();

    await api.runWhen(planned.id, "its agent has come back", (run) => /Recovered/.test(run.errorMessage), {
      deadlineMs: 60_000,
    });
    expect(Object.keys(await api.outputs(running))).toEqual(["done"]);
    expect((await api.getWorkspace(running)).lock).toBeUndefined();
    await agent.program.says(/job directory kept/, 60_000);
    expect((await engine.executions("apply")).length - before).toBe(2);
    await agent.stop("SIGTERM");
  });

  test("that is damaged, or no backup at all, is refused and changes nothing", async () => {
    const { scene } = stage;
    const file = await backUp();
    const whole = await readFile(file);
    const target = join(scene.directory, "elsewhere");
    await mkdir(target);
    await copyFile(join(stage.server.dataDir, "master.key"), join(target, "master.key"));
    const flipped = Buffer.from(whole);
    flipped[Math.floor(whole.length / 2)] = (flipped[Math.floor(whole.length / 2)] ?? 0) ^ 0xff;
    for (const bytes of [flipped, whole.subarray(0, whole.length - 100), Buffer.from("no backup")]) {
      await writeFile(`${file}.bad`, bytes);
      const answer = await windlassd(scene, ["restore", `${file}.bad`, "--data-dir", target]);
      expect(answer, answer.stderr).toMatchObject({ code: 2, stderr: expect.stringContaining("no whole backup") });
    }
    expect((await readdir(target)).filter((name) => !/^(lock\.|maintenance|master\.key)/.test(name))).toEqual([]);
  });

  test("is restored over a server's data only by force, which keeps what was there; with the key it needs nothing else", async () => {
    const { scene, server } = stage;
    const file = join(scene.directory, "with-key.tar.gz");
    expect(await windlassdOf(scene, server, ["backup", file, "--with-key"])).toMatchObject({ code: 0 });
    const bare = join(scene.directory, "bare");
    expect(await windlassd(scene, ["restore", file, "--data-dir", bare])).toMatchObject({ code: 0 });
    const again = await windlassd(scene, ["restore", file, "--data-dir", bare]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("is not empty") });
    expect(await windlassd(scene, ["restore", file, "--data-dir", bare, "--force"])).toMatchObject({ code: 0 });
    const aside = (await readdir(bare)).filter((name) => name.startsWith("before-restore-"));
    expect(aside).toHaveLength(1);
    expect(await readdir(join(bare, aside[0] ?? ""))).toContain("windlass.db");
    const check = await windlassd(scene, [
      "doctor",
      "--data-dir",
      bare,
      "--listen",
      "127.0.0.1:0",
      ...["--server-agent-concurrency", "0"],
    ]);
    expect(check, check.stdout).toMatchObject({ code: 0 });
    expect(await windlassdOf(scene, server, ["restore", file, "--force"])).toMatchObject({ code: 5 });
  });
});

describe.skipIf(!hasPostgres)("a backup with PostgreSQL", () => {
  const stage = useStage();

  test("holds the key's id, names the dump to make, and closes off the restored database", async () => {
    const { scene } = stage;
    await using database = await createTestDatabase();
    const dataDir = join(scene.directory, "pg");
    const args = ["--data-dir", dataDir, "--database-url", database.url];
    const server = scene.start("windlassd", [...args, "--listen", "127.0.0.1:0", "--server-agent-concurrency", "0"]);
    await server.says(/windlassd is ready/);
    const file = join(scene.directory, "pg.tar.gz");
    const made = await windlassd(scene, ["backup", file, ...args]);
    expect(made, made.stderr).toMatchObject({ code: 3, stderr: expect.stringContaining("pg_dump --format=custom") });
    expect(await windlassd(scene, ["restore", file, ...args])).toMatchObject({ code: 5 });
    await server.stop("SIGTERM");
    const restored = await windlassd(scene, ["restore", file, ...args]);
    expect(restored, restored.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("as generation") });
    const twice = await windlassd(scene, ["restore", file, ...args]);
    expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining("run pg_restore first") });
  });

  test("whose dump is another database by now is not served before windlassd restore, unless it is said to be moved", async () => {
    const { scene } = stage;
    await using database = await createTestDatabase();
    const serve = (dataDir: string, url: string, ...more: readonly string[]) =>
      scene.start("windlassd", [
        ...["--data-dir", join(scene.directory, dataDir), "--database-url", url, "--listen", "127.0.0.1:0"],
        ...["--server-agent-concurrency", "0", ...more],
      ]);
    const first = serve("pg-first", database.url);
    await first.says(/windlassd is ready/);
    await first.stop("SIGTERM");
    // As pg_restore leaves it, and an empty data directory with the key.
    await using copy = await copyDatabase(database.url);
    await mkdir(join(scene.directory, "pg-second"));
    await copyFile(join(scene.directory, "pg-first", "master.key"), join(scene.directory, "pg-second", "master.key"));
    const refused = serve("pg-second", copy.url);
    expect(await refused.ended).toMatchObject({ code: 5 });
    expect(refused.stderr()).toMatch(/run windlassd restore FILE first.*--moved-database/);
    for (const more of [["--moved-database"], []]) {
      const served = serve("pg-second", copy.url, ...more);
      await served.says(/windlassd is ready/);
      await served.stop("SIGTERM");
    }
    // The first one may lose its data directory: its database is the same.
    await mkdir(join(scene.directory, "pg-third"));
    await copyFile(join(scene.directory, "pg-first", "master.key"), join(scene.directory, "pg-third", "master.key"));
    const again = serve("pg-third", database.url);
    await again.says(/windlassd is ready/);
    await again.stop("SIGTERM");
  });
});
