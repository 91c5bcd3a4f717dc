import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentStatus } from "../src/gen/windlass/v1/agent_pb.ts";
import { RunPhase, RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "./support/api.ts";
import type { Program } from "./support/programs.ts";
import { type Manner, RudeProxy } from "./support/rude-proxy.ts";
import type { TestAgent } from "./support/scene.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const stage = useStage({ args: ["--agent-unknown-after", "8s"] });

async function behindProxy(): Promise<RudeProxy> {
  const proxy = await RudeProxy.open(stage.server.url);
  stage.scene.defer(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

/** An agent that reaches the server through the proxy. */
async function agentBehind(proxy: RudeProxy, pool: string): Promise<TestAgent> {
  return stage.scene.agent({ ...stage.server, api: stage.server.api, url: proxy.url }, { pool });
}

/** The same, of which nobody knows whether it will be connected. */
async function startAgentBehind(
  proxy: RudeProxy,
  pool: string,
  token?: string,
): Promise<{ readonly name: string; readonly program: Program }> {
  const { scene, server } = stage;
  const name = freshName("agent");
  const tokenFile = join(scene.directory, `${name}.token`);
  await writeFile(tokenFile, token ?? (await server.api.token(pool)).secret, { mode: 0o600 });
  const where = ["--address", proxy.url, "--token-file", tokenFile, "--name", name];
  const how = ["--data-dir", join(scene.directory, name), "--log-format", "json", "--sandbox", "none"];
  const disk = ["--min-free-disk", "1MiB", "--disk-reserve", "1MiB", "--no-engine-download"];
  return { name, program: scene.start("windlass-agent", [...where, ...how, ...disk]) };
}

const statusOf = async (name: string): Promise<AgentStatus | undefined> => (await agentNamed(name))?.status;

const agentNamed = async (name: string) => (await stage.server.api.clients.agents.getAgent({ agent: name })).agent;

/** How a run of the agent's pool waits. */
const waitingOf = async (runId: string) => (await stage.server.api.run(runId)).waiting;

async function workspaceOf(pool: string, configuration: string): Promise<string> {
  const { api } = stage.server;
  const workspace = await api.workspace({ agentPool: pool });
  await api.upload(workspace, await stage.scene.configuration(configuration));
  return workspace;
}

interface DoctorAnswer {
  readonly code: number | null;
  readonly of: (id: string) => { readonly status: string; readonly detail: string; readonly fix: string } | undefined;
}

const answerOf = (code: number | null, stdout: string): DoctorAnswer => {
  const checks = JSON.parse(stdout) as readonly { id: string; status: string; detail: string; fix: string }[];
  return { code, of: (id) => checks.find((check) => check.id === id) };
};

/** What both doctors say of the way through a proxy. */
async function askDoctors(proxy: RudeProxy, flags: readonly string[] = []): Promise<readonly DoctorAnswer[]> {
  const { scene, server } = stage;
  const tokenFile = join(scene.directory, `${freshName("doctor")}.token`);
  await writeFile(tokenFile, (await server.api.token(await server.api.pool())).secret, { mode: 0o600 });
  const where = [
    "--address",
    proxy.url,
    "--token-file",
    tokenFile,
    "--data-dir",
    join(scene.directory, freshName("doctor")),
  ];
  const rest = ["--log-format", "json", "--sandbox", "none", "--no-engine-download"];
  const agent = scene.start("windlass-agent", ["doctor", ...where, ...rest, ...flags]);
  const agentEnd = await agent.ended;
  const url = { url: proxy.url, adminTokenFile: server.adminTokenFile };
  const cli = await scene.cli(url, ["doctor", "-o", "json", ...flags]);
  return [answerOf(agentEnd.code, agent.stdout()), answerOf(cli.code, cli.stdout)];
}

const streamChecks = ["token", "clock", "session", "round-trip", "body"];

const refused: readonly (readonly [string, Manner, RegExp])[] = [
  ["403", { kind: "answer", status: 403 }, /\(rude\/1\.0\) answers 403 with a web page: it forbids the call/],
  ["401", { kind: "answer", status: 401 }, /answers 401 with a web page: it wants a login of its own/],
  ["a web page", { kind: "answer", status: 200 }, /answers 200 with a web page: the network may want a login/],
];

// Each of these waits for most of its time: for the next attempt of an agent, or for the end of a silent stream.
test.concurrent.each(refused)(
  "%s of a proxy ends no idle agent: it names it once, and works again when it is mended",
  async (_, manner, sentence) => {
    const { api } = stage.server;
    const pool = await api.pool();
    const proxy = await behindProxy();
    const agent = await agentBehind(proxy, pool);
    const before = proxy.count("Register");
    proxy.behave(manner);
    proxy.cut();
    await agent.program.says(sentence, 90_000);
    await until("it tries again", () => proxy.count("Register") >= before + 2, { deadlineMs: 60_000 });
    const said = agent.program.stderr() + agent.program.stdout();
    expect(said.match(new RegExp(sentence, "g"))).toHaveLength(1);
    proxy.behave({ kind: "pass" });
    expect(await api.applied(await workspaceOf(pool, "hello"))).toMatchObject({ state: RunState.APPLIED });
    expect(agent.program.isRunning).toBe(true);
  },
);

test.concurrent("streams that are ended after some seconds are changed in time: an idle agent stays idle", async () => {
  const { api } = stage.server;
  const pool = await api.pool();
  const proxy = await behindProxy();
  proxy.behave({ kind: "time-out", ms: 6_000 }, /\/Session$/);
  const agent = await agentBehind(proxy, pool);
  await agent.program.says(/ends each stream after about 6 s/, 60_000);
  const seen = new Set<string>();
  const cuts = proxy.cutStreams;
  const streams = proxy.count("Session");
  await until(
    "it has changed twice",
    async () => {
      seen.add(String(await statusOf(agent.name)));
      return proxy.count("Session") >= streams + 2;
    },
    { deadlineMs: 60_000 },
  );
  expect([...seen]).toEqual([String(AgentStatus.IDLE)]);
  expect(proxy.cutStreams).toBe(cuts);
});

test.concurrent("both doctors find a bound of bodies and a time-out of silent streams", async () => {
  const proxy = await behindProxy();
  proxy.behave({ kind: "bound", bytes: 1024 * 1024 });
  for (const { code, of } of await askDoctors(proxy)) {
    expect(of("body")).toMatchObject({ status: "warn", detail: expect.stringContaining("client_max_body_size") });
    expect(of("session")).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("about 1.0 MiB"),
    });
    expect(code).toBe(0);
  }
  proxy.behave({ kind: "time-out", ms: 3_000 });
  for (const { of } of await askDoctors(proxy, ["--idle", "6s"])) {
    expect(of("idle")).toMatchObject({ status: "fail", detail: expect.stringMatching(/ended after [23] s/) });
  }
});

test.concurrent("Windlass itself ends an agent whose token it refuses, with exit code 4", async () => {
  const { api } = stage.server;
  const pool = await api.pool();
  const proxy = await behindProxy();
  const { id, secret } = await api.token(pool);
  await api.clients.tokens.revokeAgentToken({ agentTokenId: id });
  const { program } = await startAgentBehind(proxy, pool, secret);
  expect(await program.ended).toMatchObject({ code: 4 });
});

test.concurrent("a state that a proxy refuses is named on the run and on the agent, and arrives once the proxy is mended", async () => {
  const { api } = stage.server;
  const pool = await api.pool();
  const proxy = await behindProxy();
  const agent = await agentBehind(proxy, pool);
  proxy.behave({ kind: "answer", status: 413 }, /JobArtifactService\/Upload.*State/);
  const id = await api.start(await workspaceOf(pool, "hello"), { autoApply: true });
  const waiting = await until("it says why it waits", async () => {
    const found = await waitingOf(id);
    return found?.reason === WaitingReason.WAY_BLOCKED ? found : undefined;
  });
  expect(waiting.detail).toMatch(
    new RegExp(`^agent ${agent.name} cannot deliver the state: something between here and the server .*answers 413`),
  );
  expect(waiting.detail).toContain("client_max_body_size");
  await agent.program.says(/cannot deliver the state: trying again/);
  proxy.behave({ kind: "pass" });
  expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  expect((await agentNamed(agent.name))?.warning).toBe("");
});

test.concurrent.each([404, 400, 403, 413])(
  "a plan is not given up because a proxy answers %d to its upload",
  async (status) => {
    const { api } = stage.server;
    const pool = await api.pool();
    const proxy = await behindProxy();
    await agentBehind(proxy, pool);
    proxy.behave({ kind: "answer", status }, /JobArtifactService\//);
    const id = await api.start(await workspaceOf(pool, "hello"), { planOnly: true });
    await until("its agent names it", async () => (await waitingOf(id))?.detail.includes(`answers ${status}`));
    proxy.behave({ kind: "pass" });
    expect(await api.ended(id)).toMatchObject({ state: RunState.PLANNED_AND_FINISHED, errorMessage: "" });
  },
);

test.concurrent("a proxy that speaks HTTP/1.1 to the server: the agent is not idle, and agent, server and run say why", async () => {
  const { api } = stage.server;
  const sentence = "a proxy in front of the server speaks HTTP/1.1 to it: agents need HTTP/2 all the way";
  const pool = await api.pool();
  const proxy = await behindProxy();
  proxy.behave({ kind: "http1" });
  const { name, program } = await startAgentBehind(proxy, pool);
  await program.says(/cannot connect: trying again/);
  expect(program.stderr() + program.stdout()).toContain(sentence);
  const agent = await agentNamed(name);
  expect(agent).toMatchObject({ status: AgentStatus.UNKNOWN, warning: expect.stringContaining(sentence) });
  const { agentPool } = await api.clients.pools.getAgentPool({ agentPool: pool });
  expect(agentPool?.counts).toMatchObject({ idleAgents: 0, unknownAgents: 1 });
  const id = await api.start(await workspaceOf(pool, "hello"), { planOnly: true });
  const waiting = await until("the run says why", () => waitingOf(id));
  expect(waiting).toMatchObject({
    reason: WaitingReason.NO_AGENT_ONLINE,
    detail: `no agent of pool ${pool} is connected: agent ${name} has registered and opens no stream: ${sentence}`,
  });
  const told = (program.stderr() + program.stdout()).match(/registered successfully/g);
  await until("it has registered again", () => proxy.count("Register") > 1, { deadlineMs: 30_000 });
  expect(told).toHaveLength(1);
  proxy.behave({ kind: "pass" });
  expect(await api.ended(id)).toMatchObject({ state: RunState.PLANNED_AND_FINISHED });
  expect((await agentNamed(name))?.warning).toBe("");
});

test("streams that are ended after each MiB are changed in time: the log is whole, and the agent says why", async () => {
  const { api } = stage.server;
  const pool = await api.pool();
  const proxy = await behindProxy();
  proxy.behave({ kind: "bound", bytes: 1024 * 1024 }, /\/Session$/);
  const agent = await agentBehind(proxy, pool);
  const workspace = await workspaceOf(pool, "noisy");
  const run = await api.applied(workspace, { variables: [{ key: "lines", value: "60000", hcl: true }] });
  expect(run).toMatchObject({ state: RunState.APPLIED });
  const { text } = await api.log(run.id, RunPhase.APPLY);
  expect(text.match(/line \d{6}:/g)).toHaveLength(60_000);
  const problem = /ends each stream after about 1\.0 MiB: nginx calls this client_max_body_size/;
  await agent.program.says(problem);
  expect(proxy.count("Session")).toBeGreaterThan(3);
  expect(proxy.count("Register")).toBe(1);
  expect(proxy.cutStreams).toBe(1);
  await until("the server shows it", async () => problem.test((await agentNamed(agent.name))?.warning ?? ""));
  const said = agent.program.stderr() + agent.program.stdout();
  expect(said).not.toMatch(/not connected|cannot connect|"outcome":"lost"/);
});

test("a caller that goes in the middle of its upload is no fault of the server", async () => {
  expect(stage.server.program.stderr() + stage.server.program.stdout()).not.toMatch(
    /ERR_STREAM_PREMATURE_CLOSE|a call failed/,
  );
});

test("both doctors find a good way good: they move 2 MiB each way, and look at the clock", async () => {
  for (const { code, of } of await askDoctors(await behindProxy())) {
    expect(streamChecks.map((id) => of(id)?.status)).toEqual(streamChecks.map(() => "ok"));
    expect(of("session")?.detail).toMatch(/2\.0 MiB each way/);
    expect(of("idle")).toMatchObject({ status: "skip" });
    expect(code).toBe(0);
  }
});

test("both doctors say that a proxy speaks HTTP/1.1", async () => {
  const proxy = await behindProxy();
  proxy.behave({ kind: "http1" });
  for (const { code, of } of await askDoctors(proxy)) {
    expect(of("session")).toMatchObject({ status: "fail", detail: expect.stringContaining("speaks HTTP/1.1 to it") });
    expect(of("token")).toMatchObject({ status: "ok" });
    expect(code).toBe(1);
  }
});

test("a new token is advised only where Windlass itself refuses the old one", async () => {
  const proxy = await behindProxy();
  proxy.behave({ kind: "answer", status: 403 }, /WhoAmI/);
  for (const { of } of await askDoctors(proxy)) {
    expect(of("token")).toMatchObject({ status: "fail", detail: expect.stringMatching(/answers 403|HTTP 403/) });
    expect(of("token")?.fix).not.toMatch(/token create|login/);
  }
});
