/** A server that goes away while an agent tries another version: that is nobody's fault, and the version is tried again. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { openScene, type Scene, type TestAgent, type TestServer } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { Versions } from "./versions.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 });

/** An old version that gets in sooner says that the server was there; see the updater. */
const promptMs = 60_000;
const patience = { deadlineMs: 120_000, everyMs: 200 };
let scene: Scene;
let server: TestServer;
let pool: string;
let agent: TestAgent;

beforeAll(async () => {
  scene = await openScene();
  const versions = await Versions.make(scene.directory);
  await versions.publish("1.0.0");
  await versions.publish("1.0.1");
  const launcher = await versions.install("1.0.0");
  server = await scene.server({ args: ["--heartbeat-interval", "300ms", "--agent-releases", versions.directory] });
  pool = await server.api.pool();
  agent = await scene.agent(server, {
    ...{ pool, args: ["--update-trial", "24s", "--update-max-wait", "500ms"] },
    within: ([, ...args]) => ({ command: launcher, args }),
  });
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(scene.report());
});
afterAll(() => scene[Symbol.asyncDispose]());

const said = () => agent.program.stderr();
const times = (text: string) => said().split(text).length - 1;

test("a version on trial is left for the one before, does not count as bad, and is tried again when the server is back", async () => {
  const { code, stderr } = await scene.cli(server, ["pool", "update", pool, "--mode", "patch", "--to", "1.0.1"]);
  expect(code, stderr).toBe(0);
  await until("it switches", () => times("Core update: switching") === 1, patience);
  await server.stop("SIGKILL");
  await until("the new version gives up", () => said().includes("1.0.1 did not prove itself (no-session)"), patience);
  // The version before reaches nobody either.
  await pause(promptMs + 5_000);
  expect(agent.program.isRunning).toBe(true);
  await server.start();
  await until("it says so", () => said().includes("no version reached the server"), patience);
  await until("it is tried again, and proves itself", () => said().includes("Core update is confirmed"), patience);
  const record = JSON.parse(await readFile(join(agent.dataDir, "update.json"), "utf8"));
  expect(record.bad).toEqual([]);
  const versionNow = async () =>
    (await server.api.clients.agents.listAgents({ agentPool: pool })).agents[0]?.version === "1.0.1";
  await until("the server knows", versionNow, patience);
  expect((await server.api.clients.pools.getAgentPool({ agentPool: pool })).agentPool?.update?.halt).toBe("");
});
