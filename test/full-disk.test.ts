import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { isFinal } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

const stage = useStage();

/** A small file system of the test's own; undefined where this user may not mount one. */
async function smallDisk(path: string, megabytes: number): Promise<string | undefined> {
  await mkdir(path);
  try {
    await execa("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "windlass-test", path]);
  } catch (error) {
    if (process.env.CI && process.getuid?.() === 0) console.warn(String(error));
    return undefined;
  }
  stage.scene.defer(async () => void (await execa("umount", ["-l", path])));
  return path;
}

test("a disk that is full while a log is spooled: the run ends with a clear error, and the agent lives on", async ({
  skip,
}) => {
  const { api } = stage.server;
  const dataDir = await smallDisk(join(stage.scene.directory, "small-disk"), 16);
  if (dataDir === undefined) {
    console.warn("SKIPPED: the test of a full disk, because this user may not mount a file system");
    return skip();
  }
  const pool = await api.pool();
  const agent = await stage.scene.agent(stage.server, { pool, dataDir });
  const workspace = await api.workspace({ agentPool: pool });
  await api.upload(workspace, await stage.scene.configuration("noisy"));
  const id = await api.start(workspace, { autoApply: true });
  const ended = await api.runWhen(id, "has ended", isFinal, { deadlineMs: 150_000 });
  console.info(`full disk: ${ended.state} ${ended.errorMessage}`);
  if (ended.state !== RunState.APPLIED) expect(ended.errorMessage).toMatch(/disk|space/);
  expect((await api.log(id, RunPhase.APPLY)).text).toContain("line 000001: the quick brown fox");

  const small = await api.workspace({ agentPool: pool });
  await api.upload(small, await stage.scene.configuration("hello"));
  expect(await api.applied(small)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  expect(agent.program.isRunning).toBe(true);
});
