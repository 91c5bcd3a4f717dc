import { accessSync, constants } from "node:fs";
import { readdir, readFile, realpath, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { Engine } from "../src/gen/windlass/v1/workspace_pb.ts";
import { bareTerraform } from "./support/engine.ts";
import { herePlatform, type ReleaseKey, ReleaseMirror, releaseKey } from "./support/release-mirror.ts";
import { useStage } from "./support/stage.ts";
import { describeWithTerraform, terraformPath } from "./support/terraform.ts";
import { until } from "./support/until.ts";

/** PATH without the directories that hold terraform. */
const pathWithoutTerraform = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((dir) => {
    try {
      accessSync(join(dir, "terraform"), constants.X_OK);
      return false;
    } catch {
      return true;
    }
  })
  .join(delimiter);

/** A program that says that it is tofu, and works as terraform does. */
const tofuLike = (version: string): Buffer =>
  Buffer.from(`#!/bin/sh
[ "$1" = version ] || exec '${terraformPath}' "$@"
[ "$2" = -json ] && echo '{"terraform_version":"${version}","platform":"linux_amd64"}' || echo 'OpenTofu v${version}'
`);

describeWithTerraform("an agent on a machine without terraform", () => {
  const stage = useStage();
  let mirror: ReleaseMirror;
  let key: ReleaseKey;
  let version = "";
  let args: readonly string[] = [];

  beforeAll(async () => {
    const program = await readFile(await realpath(terraformPath));
    version = JSON.parse(await bareTerraform(stage.scene.directory, ["version", "-json"])).terraform_version;
    mirror = await ReleaseMirror.open();
    key = await releaseKey("Our Releases");
    await mirror.publish({ engine: "terraform", version, key, program });
    await mirror.publish({ engine: "tofu", version, key, program: tofuLike(version) });
    const keys = join(stage.scene.directory, "keys.asc");
    await writeFile(keys, key.armored);
    args = ["--engine-mirror", mirror.url, "--engine-keys", keys];
  });
  afterAll(() => mirror[Symbol.asyncDispose]());

  async function agentOfPool() {
    const pool = await stage.server.api.pool();
    const env = { PATH: pathWithoutTerraform };
    return { pool, agent: await stage.scene.agent(stage.server, { pool, sandbox: "auto", env, args }) };
  }

  async function hello(settings: Parameters<typeof stage.server.api.workspace>[0]): Promise<string> {
    const workspace = await stage.server.api.workspace(settings);
    await stage.server.api.upload(workspace, await stage.scene.configuration("hello"));
    return workspace;
  }

  const zipsAsked = () => mirror.asked.filter((path) => path.endsWith(".zip"));

  test("downloads and verifies the version that a workspace asks for, once, and applies with it", async () => {
    const { api } = stage.server;
    const { pool, agent } = await agentOfPool();
    const workspace = await hello({ agentPool: pool, engineVersion: `~> ${version}` });
    const applied = await api.applied(workspace);
    expect(applied).toMatchObject({ state: RunState.APPLIED, errorMessage: "", appliedChanges: { add: 1 } });
    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, world" });

    const plan = await api.log(applied.id, RunPhase.PLAN);
    expect(plan.text).toContain(
      `, terraform ${version} (${herePlatform})\nWindlass: downloading terraform ${version} (${herePlatform}) from ${mirror.url}\n`,
    );
    expect(plan.text).toMatch(
      /Windlass: verified terraform_\S+\.zip: SHA-256 [0-9a-f]{64}, in a list signed by Our Releases \([0-9A-F]{40}\)\n\n/,
    );
    const apply = await api.log(applied.id, RunPhase.APPLY);
    expect(apply.text).toContain(
      `Windlass: terraform ${version} is from the agent's cache: downloaded from ${mirror.url}`,
    );
    expect(zipsAsked()).toHaveLength(1);
    expect(await readdir(join(agent.dataDir, "engines"))).toHaveLength(1);

    await agent.stop("SIGTERM");
    await agent.start();
    expect((await api.applied(workspace, { destroy: true })).state).toBe(RunState.APPLIED);
    expect(zipsAsked()).toHaveLength(1);
  });

  test("says on the run what it downloads and from where, for as long as that takes", async () => {
    const { api } = stage.server;
    const { pool } = await agentOfPool();
    const workspace = await hello({ agentPool: pool, engine: Engine.TOFU, engineVersion: version });
    const path = `/tofu/${version}/tofu_${version}_${herePlatform}.zip`;
    const zip = Buffer.from(mirror.files.get(path) ?? []);
    const goOn = Promise.withResolvers<void>();
    mirror.answers.set(path, (_request, response) => {
      response.writeHead(200, { "content-length": zip.length });
      response.write(zip.subarray(0, 100));
      void goOn.promise.then(() => response.end(zip.subarray(100)));
    });
    const id = await api.start(workspace, { autoApply: true });
    const doing = `prepares the job: it downloads tofu ${version} from ${mirror.url}`;
    await until("the run says it", async () => (await api.run(id)).waiting?.detail.includes(doing), {
      deadlineMs: 25_000,
    });
    expect((await stage.scene.cli(stage.server, ["run", "get", id])).stdout).toContain(doing);
    goOn.resolve();
    mirror.answers.delete(path);
    expect((await api.ended(id)).errorMessage).toBe("");
    expect((await api.run(id)).waiting?.detail ?? "").not.toContain("downloads");
  }, 60_000);

  test("refuses what no trusted key has signed, says so on the run, and works again when that is mended", async () => {
    const { api } = stage.server;
    const { pool, agent } = await agentOfPool();
    const workspace = await hello({ agentPool: pool, engineVersion: version });
    const path = `/terraform/${version}/terraform_${version}_SHA256SUMS`;
    const sums = Buffer.from(mirror.files.get(path) ?? []).toString();
    const asked = zipsAsked().length;
    await mirror.sign({ engine: "terraform", version, key: await releaseKey("Stranger"), sums });
    const refused = await api.applied(workspace);
    expect(refused).toMatchObject({ state: RunState.ERRORED });
    expect(refused.errorMessage).toMatch(
      /is refused, its checksums have no good signature \(.*key [0-9A-F]{16} is not trusted/,
    );
    expect(await api.wholeLog(refused.id)).toContain(refused.errorMessage);
    expect(zipsAsked()).toHaveLength(asked);
    expect(await readdir(join(agent.dataDir, "engines")).catch(() => [])).toEqual([]);

    await mirror.sign({ engine: "terraform", version, key, sums });
    expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED });
  });

  test("the server's own agent downloads as well, tofu for a workspace of tofu", async () => {
    const server = await stage.scene.server({ serverAgents: 1, args });
    const workspace = await server.api.workspace({ engine: Engine.TOFU, engineVersion: version });
    await server.api.upload(workspace, await stage.scene.configuration("hello"));
    const applied = await server.api.applied(workspace);
    expect(applied).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect((await server.api.log(applied.id, RunPhase.PLAN)).text).toContain(`downloading tofu ${version}`);
    expect(await readdir(join(server.dataDir, "server-agent/engines"))).toHaveLength(1);
  });
});
