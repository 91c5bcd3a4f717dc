import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { ExecutionMode } from "../src/gen/windlass/v1/workspace_pb.ts";
import { freshName } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { describeWithTerraform } from "./support/terraform.ts";

vi.setConfig({ testTimeout: 120_000 });

const resource = 'resource "terraform_data" "one" {\n  input = "x"\n}\n';

describeWithTerraform("a directory without configuration", () => {
  const stage = useStage({ serverAgents: 1, args: ["--sandbox", "none"] });
  let pool = "";
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
  });

  async function directory(files: Readonly<Record<string, string>> = {}): Promise<string> {
    const path = join(stage.scene.directory, freshName("upload"));
    await mkdir(path);
    for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
    return path;
  }

  /** A workspace whose state holds one object. */
  async function full(mode: "agent" | "remote"): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace(
      mode === "agent" ? { agentPool: pool } : { executionMode: ExecutionMode.REMOTE },
    );
    await api.upload(workspace, await directory({ "main.tf": resource }));
    await api.applied(workspace);
    expect((await api.state(workspace)).resources).toHaveLength(1);
    return workspace;
  }

  test.each(["agent", "remote"] as const)(
    "destroys what the state holds, as terraform does: in mode %s",
    async (mode) => {
      const { api } = stage.server;
      const workspace = await full(mode);
      await api.upload(workspace, await directory());
      const run = await api.applied(workspace, { destroy: true });
      expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
      expect(await api.wholeLog(run.id)).toContain("Apply complete! Resources: 0 added, 0 changed, 1 destroyed.");
      expect((await api.state(workspace)).resources).toEqual([]);
    },
  );

  test("is taken by the client for a run that destroys, with nothing of what else lies in it", async () => {
    const { api } = stage.server;
    const workspace = await full("agent");
    const place = await directory({ "notes.txt": "mine", "terraform.tfstate": "{}" });
    const args = ["run", "start", workspace, "--dir", place, "--destroy", "--auto-apply", "--yes"];
    const { code, stdout, stderr } = await stage.scene.cli(stage.server, args);
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`${place} holds no .tf files: the run destroys what the state of ${workspace} holds`),
    ]);
    expect(stdout).toContain("1 destroyed");
    expect((await api.state(workspace)).resources).toEqual([]);
  });

  test("destroys as well where the workspace has a working directory", async () => {
    const { api } = stage.server;
    const workspace = await full("agent");
    const edit = ["workspace", "edit", workspace, "--working-directory", "live/net"];
    expect((await stage.scene.cli(stage.server, edit)).code).toBe(0);
    const args = ["run", "start", workspace, "--dir", await directory(), "--destroy", "--auto-apply", "--yes"];
    expect((await stage.scene.cli(stage.server, args)).code).toBe(0);
    expect((await api.state(workspace)).resources).toEqual([]);
  });

  test("destroys where only other directories of the upload hold configuration", async () => {
    const { api } = stage.server;
    const workspace = await full("agent");
    const place = await directory();
    await mkdir(join(place, "other"));
    await writeFile(join(place, "other", "main.tf"), resource);
    const args = ["run", "start", workspace, "--dir", place, "--destroy", "--auto-apply", "--yes"];
    expect((await stage.scene.cli(stage.server, args)).code).toBe(0);
    expect((await api.state(workspace)).resources).toEqual([]);
  });

  test("is refused for every other run, and only what was uploaded is named", async () => {
    const { api } = stage.server;
    const workspace = await full("agent");
    await api.upload(workspace, await directory({ "notes.txt": "mine" }));
    for (const options of [{}, { refreshOnly: true }]) {
      const run = await api.ended(await api.start(workspace, options));
      expect(run.state).toBe(RunState.ERRORED);
      expect(run.errorMessage).toContain("the working directory has no configuration (found notes.txt)");
    }
    const args = ["run", "start", workspace, "--dir", await directory({ "notes.txt": "" })];
    expect(await stage.scene.cli(stage.server, args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("holds no .tf files"),
    });
  });
});
