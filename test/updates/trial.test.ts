/** Versions that do not prove themselves: the one before goes on, and says why. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { AgentUpdateState } from "../../src/gen/windlass/v1/agent_pb.ts";
import { openScene, type Scene, type TestAgent, type TestServer } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { type Defect, Versions } from "./versions.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let scene: Scene;
let versions: Versions;
let server: TestServer;
let pool: string;
let agent: TestAgent;

beforeAll(async () => {
  scene = await openScene();
  versions = await Versions.make(scene.directory);
  await versions.publish("1.0.0");
  const launcher = await versions.install("1.0.0");
  server = await scene.server({ args: ["--heartbeat-interval", "300ms", "--agent-releases", versions.directory] });
  pool = await server.api.pool();
  agent = await scene.agent(server, {
    ...{ pool, args: ["--update-trial", "16s", "--update-max-wait", "500ms"] },
    within: ([, ...args]) => ({ command: launcher, args }),
  });
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(scene.report());
});
afterAll(() => scene[Symbol.asyncDispose]());

const told = async () => (await server.api.clients.agents.listAgents({ agentPool: pool })).agents[0];

test.each<[Defect, string, string, RegExp]>([
  ["hangs", "1.0.1", "hang", /neither proved itself nor ended/],
  ["holds no session", "1.0.2", "no-session", /reached no server/],
])("a version that %s is left again, and is not tried at once", async (defect, version, why, detail) => {
  await versions.publish(version, defect);
  const { code, stderr } = await scene.cli(server, [
    "pool",
    "update",
    pool,
    "--mode",
    "patch",
    "--to",
    version,
    "--resume",
  ]);
  expect(code, stderr).toBe(0);
  const isBack = async () => {
    const found = await told();
    return found?.update?.state === AgentUpdateState.ROLLED_BACK && found.update.targetVersion === version
      ? found
      : undefined;
  };
  const seen = async () => (await told())?.update;
  const back = await until("it has gone back", isBack, { deadlineMs: 90_000, everyMs: 200, seen });
  expect(back.version).toBe("1.0.0");
  expect(back.update?.detail).toMatch(detail);
  const bad = async () => {
    const record = JSON.parse(await readFile(join(agent.dataDir, "update.json"), "utf8"));
    return record.bad.find((one: { version: string }) => one.version === version);
  };
  expect(await until("it is remembered", bad, { deadlineMs: 20_000 })).toMatchObject({ why });
  expect(agent.program.isRunning).toBe(true);
});
