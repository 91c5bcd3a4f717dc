import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";
import { windlassd, windlassdOf } from "./support/windlassd.ts";

const stage = useStage({ serverAgents: 1 });

test("a rotation that is cut off goes on; meanwhile and afterwards everything can be read, with the old key nothing", async () => {
  const { scene, server } = stage;
  const { api, dataDir } = server;
  const keyFile = join(dataDir, "master.key");
  const keys = async () => (await readFile(keyFile, "utf8")).trim().split("\n");
  const workspace = await api.workspace();
  await api.upload(workspace, await scene.configuration("hello"));
  await api.set(workspace, [{ key: "who", value: "sealed people", sensitive: true }]);
  const applied = await api.applied(workspace);
  const planned = await api.planned(workspace, { replacements: ["terraform_data.greeting"] });
  const state = await api.state(workspace);
  const [old = ""] = await keys();

  const running = await windlassdOf(scene, server, ["rotate-key"]);
  expect(running).toMatchObject({ code: 5 });
  await server.stop("SIGTERM");
  const failpoints = { WINDLASS_FAILPOINTS: "server.before-commit=die@3", WINDLASS_FAILPOINTS_ENABLED: "1" };
  const cut = await windlassd(scene, ["rotate-key", "--data-dir", dataDir], failpoints);
  expect(cut).toMatchObject({ signal: "SIGKILL" });
  expect(await keys()).toEqual([expect.not.stringContaining(old), old]);

  await server.start();
  await server.program.says(/a rotation of the master key was not finished/);
  expect(await api.state(workspace)).toEqual(state);
  await server.stop("SIGTERM");
  const [next] = await keys();
  const done = await windlassdOf(scene, server, ["rotate-key"]);
  expect(done, done.stderr).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/[1-9]\d* had been before, 0 objects/),
  });
  expect(await keys()).toEqual([next]);

  await server.start();
  expect(await api.state(workspace)).toEqual(state);
  // The plan of before the rotation, and the variable: both were sealed with the old key.
  await api.confirm(planned.id);
  expect(await api.ended(planned.id)).toMatchObject({ state: RunState.APPLIED });
  expect(applied.state).toBe(RunState.APPLIED);
  expect((await api.state(workspace)).serial).toBeGreaterThan(state.serial);
  expect(await api.planned(workspace)).toMatchObject({ hasChanges: false });
  await server.stop("SIGTERM");

  await copyFile(keyFile, `${keyFile}.right`);
  const wrong = await windlassd(scene, ["--data-dir", dataDir, "--listen", "127.0.0.1:0"], {
    WINDLASS_MASTER_KEY: old,
  });
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("is not the one of this database") });
  const check = await windlassd(scene, ["doctor", "--data-dir", dataDir, "-o", "json"], { WINDLASS_MASTER_KEY: old });
  expect(JSON.parse(check.stdout)).toContainEqual(expect.objectContaining({ id: "master-key", status: "fail" }));
});
