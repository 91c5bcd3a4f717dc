import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type Agent, AgentUpdateState } from "../../src/gen/windlass/v1/agent_pb.ts";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { openScene, type Scene, type TestAgent, type TestServer } from "../support/scene.ts";
import { slowLines } from "../support/slow-lines.ts";
import { until } from "../support/until.ts";
import { slotsOf, Versions } from "./versions.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const names = ["vm-1", "vm-2", "vm-3"] as const;
const wave = { deadlineMs: 100_000, everyMs: 200 };
let scene: Scene;
let versions: Versions;
let server: TestServer;
let pool: string;
const members: TestAgent[] = [];

/** Three agents from one installation, as a machine has it. */
beforeAll(async () => {
  scene = await openScene();
  versions = await Versions.make(scene.directory);
  await versions.publish("1.0.0");
  await versions.publish("1.0.1");
  const launcher = await versions.install("1.0.0");
  server = await scene.server({
    args: ["--heartbeat-interval", "300ms", "--agent-releases", versions.directory],
  });
  pool = await server.api.pool();
  for (const name of names)
    members.push(
      await scene.agent(server, {
        ...{ pool, name, args: ["--update-trial", "15s", "--update-max-wait", "500ms"] },
        within: ([, ...args]) => ({ command: launcher, args }),
      }),
    );
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(scene.report());
});
afterAll(() => scene[Symbol.asyncDispose]());

const agents = async (): Promise<readonly Agent[]> =>
  (await server.api.clients.agents.listAgents({ agentPool: pool })).agents;
const seen = async () =>
  (await agents()).map(({ name, version, update }) => ({
    name,
    version,
    state: update?.state,
    detail: update?.detail,
  }));
const allAre = (version: string) => async () => {
  const found = await agents();
  const isDone = ({ update, version: own }: Agent) =>
    own === version && update?.state !== AgentUpdateState.SWITCHING && update?.state !== AgentUpdateState.READY;
  return found.length === names.length && found.every(isDone);
};
const update = async (...args: readonly string[]) => {
  const { code, stderr, stdout } = await scene.cli(server, ["pool", "update", pool, ...args]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout + stderr;
};
/** What is on record of the steps of agents, oldest first: `vm-1 switching 1.0.1`. */
const steps = async (): Promise<readonly string[]> => {
  const { events } = await server.api.clients.audit.listAuditEvents({
    filter: { action: "agent.update" },
    pageSize: 1000,
  });
  return events
    .toReversed()
    .map(({ detail }) => `${detail.name} ${detail.state} ${detail.target}`)
    .filter((step) => !step.includes("downloading"));
};

test("nothing happens before somebody says so, and the pool says which version there is", async () => {
  expect(await update()).toMatch(/off; the newest version is 1\.0\.1/);
  expect((await agents()).map(({ version }) => version)).toEqual(["1.0.0", "1.0.0", "1.0.0"]);
});

test("three agents become the target, the canary first, and an apply under them goes on", async () => {
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, await scene.configuration("slow"));
  const variables = [
    { key: "seconds", value: "12", hcl: true },
    { key: "workers", value: "1", hcl: true },
  ];
  const id = await server.api.start(workspace, { autoApply: true, variables });
  await server.api.runIn(id, RunState.APPLYING);
  const holder = (await agents()).find(({ runIds }) => runIds.includes(id));
  await update("--mode", "patch", "--to", "1.0.1", "--max-in-flight", "100");
  await until("all three are 1.0.1", allAre("1.0.1"), { ...wave, seen });
  const run = await server.api.ended(id);
  expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "", apply: { epoch: 1n, logComplete: true } });
  const { text } = await server.api.log(id, RunPhase.APPLY);
  expect(slowLines(text, 0)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  const done = await steps();
  const canary = done.findIndex((step) => step.includes("confirmed"));
  const first = done.slice(0, canary).filter((step) => step.includes("switching"));
  expect(new Set(first.map((step) => step.split(" ")[0])).size).toBe(1);
  expect(done.filter((step) => step.includes("confirmed"))).toHaveLength(3);
  // It was switched under the job, and not after it.
  const held = members.find(({ name }) => name === holder?.name);
  expect(held?.program.stderr()).toContain("job of an earlier start taken up");
  expect(held?.program.stderr()).toContain("Core update is available");
  for (const { dataDir } of members) expect(await slotsOf(dataDir)).toEqual(["1.0.1"]);
});

test("a version that crashes reaches the canary alone, is halted, and can be taken back", async () => {
  await versions.publish("1.0.2", "crashes");
  await update("--to", "1.0.2");
  const halted = () => server.api.clients.pools.getAgentPool({ agentPool: pool });
  await until("it is halted", async () => (await halted()).agentPool?.update?.halt !== "", { ...wave, seen });
  const touched = (await steps()).filter((step) => step.endsWith("rolled_back 1.0.2"));
  expect(new Set(touched).size).toBe(1);
  await until("all three run what they ran", allAre("1.0.1"), { ...wave, seen });
  const list = await scene.cli(server, ["agent", "list", "--pool", pool]);
  expect(list.stdout).toMatch(/rolled back from 1\.0\.2/);
  expect(await update()).toMatch(/halted: an agent did not get along with version 1\.0\.2/);
  const { events } = await server.api.clients.audit.listAuditEvents({ filter: { action: "pool.update_halt" } });
  expect(events).toHaveLength(1);
  expect(await update("--rollback")).toMatch(/to 1\.0\.1(?!.*halted)/);
  const record = JSON.parse(
    await readFile(
      join(members.find(({ name }) => touched[0]?.startsWith(name))?.dataDir ?? "", "update.json"),
      "utf8",
    ),
  );
  expect(record.bad).toMatchObject([{ version: "1.0.2", why: "crash" }]);
});

test("an older target is a step like any other", async () => {
  await update("--to", "1.0.0", "--canary", "3");
  await until("all three are 1.0.0", allAre("1.0.0"), { ...wave, seen });
  const metrics = await scene.cli(server, ["agent", "list", "--pool", pool, "-o", "json"]);
  expect(metrics.stdout.match(/"version": ?"1\.0\.0"/g)).toHaveLength(3);
});
