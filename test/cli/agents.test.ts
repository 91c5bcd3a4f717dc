import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Agent } from "../../src/domain/agents/agent.ts";
import type { AgentPool } from "../../src/domain/agents/pool.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";
import { agentRow, jobRow, runRow, startedBy } from "../support/rows.ts";

let server: CliServer;
let pool: AgentPool;
let other: AgentPool;

beforeAll(async () => {
  server = await openCliServer();
  [pool, other] = [await made("prod"), await made("test")];
});
afterAll(() => server[Symbol.asyncDispose]());

async function made(name: string): Promise<AgentPool> {
  await server.done(`pool create ${name}`);
  const found = await server.control.store.read((q) => q.pools.byName(server.organization.id, name));
  if (found === undefined) throw new Error("the pool was made");
  return found;
}

const cli: CliServer["cli"] = (...call) => server.cli(...call);
const done: CliServer["done"] = (...call) => server.done(...call);

async function given(change: Partial<Agent>, of: AgentPool = pool): Promise<Agent> {
  const agent = agentRow(of, { lastSeenAt: server.clock.now(), ...change });
  await server.control.store.write((tx) => tx.agents.insert(agent));
  return agent;
}
const now = (id: Agent["id"]) => server.control.store.read((q) => q.agents.get(id));
const keptOf = (n: number) => ({
  ...{ jobId: newId("job", server.control.random), epoch: 1, runId: newId("run", server.control.random) },
  ...{
    workspace: `ws-${n}`,
    path: `/var/lib/windlass/${n}`,
    sizeBytes: 2_048,
    reason: `state ${n} could not be delivered`,
  },
  keptAtMs: Date.UTC(2025, 11, 31),
});

describe("windlass agent list", () => {
  beforeAll(async () => {
    await given({ name: "idle-1", labels: { zone: "a", gpu: "" } });
    await given({ name: "busy-1", status: "busy", labels: { zone: "b" } });
    await given({ name: "paused-1", isPaused: true, pauseReason: "new disk" });
    await given({ name: "gone-1", status: "exited" });
    await given({ name: "else-1", labels: { zone: "a" } }, other);
  });
  const names = async (line: string) =>
    (await done(`agent list -o name ${line}`)).stdout
      .trim()
      .split("\n")
      .filter((name) => name !== "");

  test.each([
    ["", ["busy-1", "else-1", "idle-1", "paused-1"]],
    ["--pool test", ["else-1"]],
    ["--selector zone=a", ["else-1", "idle-1"]],
    ["--selector zone=a,gpu --pool prod", ["idle-1"]],
    ["--selector zone=c", []],
    ["--status busy", ["busy-1"]],
    ["--status exited", ["gone-1"]],
    ["--search PAUSED", ["paused-1"]],
    ["--include-exited --pool prod", ["busy-1", "gone-1", "idle-1", "paused-1"]],
  ])("%s", async (line, expected) => {
    expect((await names(line)).toSorted()).toEqual(expected.map((name) => `agent/${name}`));
  });

  test("shows what an agent is and why it takes nothing", async () => {
    const wide = (await done("agent list -o wide --pool prod")).stdout;
    expect(wide).toMatch(/^paused-1 +prod +idle, paused .*new disk/m);
    expect(wide).toMatch(/^idle-1 .*zone=a, gpu/m);
  });

  test.each([
    ["agent list --status asleep", 2, "status"],
    ["agent list --selector =", 2, "selector"],
    ["agent list --pool ghost", 3, "ghost"],
    ["agent list --watch --all", 2, "--all does not go with --watch"],
    ["agent list --watch --search x", 2, "--search does not go with --watch"],
    ["agent list --watch --include-exited", 2, "--include-exited does not go with --watch"],
    ["agent list --watch --limit 3", 2, "--limit does not go with --watch"],
    ["agent get ghost", 3, 'agent "ghost" does not exist'],
    ["agent get", 2, "AGENT"],
    ["agent get agent_none", 3, "agent_none"],
    ["agent jobs ghost", 3, "ghost"],
    ["agent pause ghost", 3, "ghost"],
    ["agent resume ghost", 3, "ghost"],
    ["agent drain ghost", 3, "ghost"],
    ["agent delete ghost --yes", 3, "ghost"],
    ["agent kept ghost", 3, "ghost"],
    ["agent remove-kept ghost --all --yes", 3, "ghost"],
    ["agent remove-kept idle-1", 2, "name a job, or give --all: one of them"],
    ["agent remove-kept idle-1 job_1 --all", 2, "name a job, or give --all: one of them"],
    ["agent remove-kept idle-1 --all --yes", 3, "agent idle-1 keeps no directory"],
    ["agent remove-kept idle-1 job_9 --yes", 3, "agent idle-1 keeps no directory of job job_9"],
  ])("%s is refused with %d", async (line, exit, words) => {
    const answer = await cli(line);
    expect([answer.exit, answer.stdout, answer.stderr]).toEqual([exit, "", expect.stringContaining(words)]);
  });
});

describe("windlass agent get and jobs", () => {
  test("an agent is shown with its last jobs, and what it has", async () => {
    const agent = await given({
      ...{ name: "shown", status: "busy", warning: "clock is wrong", labels: { zone: "a" }, concurrency: 2 },
      engines: {
        programs: [{ engine: "tofu", version: "1.12.6" }],
        downloads: [{ engine: "terraform", source: "a mirror" }],
      },
    });
    await done("workspace create shown");
    const workspace = await server.control.store.read((q) => q.workspaces.byName(server.organization.id, "shown"));
    if (workspace === undefined) throw new Error("the workspace was made");
    const run = runRow(workspace, { status: "planning" });
    const running = jobRow(run, { ...startedBy(agent), startedAt: server.clock.now() });
    const failed = jobRow(run, { ...startedBy(agent), phase: "apply", status: "errored", errorMessage: "no disk" });
    await server.control.store.write(async (tx) => {
      await tx.runs.insert(run);
      for (const job of [running, failed]) await tx.jobs.insert(job);
    });
    const { stdout } = await done("agent get shown");
    for (const line of [
      /^Status: +busy$/m,
      /^Warning: +clock is wrong$/m,
      /^Jobs: +1 of 2 at once$/m,
      /^Runs: +run_\w+$/m,
      /^Engines: +tofu 1\.12\.6$/m,
      /^Downloads: +terraform from a mirror$/m,
      /^Labels: .*zone=a/m,
      /no disk/,
    ])
      expect(stdout).toMatch(line);
    expect(await server.json("agent get shown")).toMatchObject({ name: "shown", jobIds: [running.id] });
    const jobs = await server.json("agent jobs shown");
    expect(jobs).toMatchObject({
      jobs: expect.arrayContaining([expect.objectContaining({ jobId: failed.id, errorMessage: "no disk" })]),
    });
    expect((await done("agent jobs shown --limit 1 -o name")).stdout).toMatch(/^job\/job_\w+\n$/);
  });

  test("a name that several have needs an id, and they are named", async () => {
    const first = await given({ name: "twin" });
    const second = await given({ name: "twin" }, other);
    const refused = await cli("agent get twin");
    expect(refused.exit).not.toBe(0);
    for (const { id } of [first, second]) expect(refused.stderr).toContain(id);
    expect(await server.json(`agent get ${second.id}`)).toMatchObject({ id: second.id, agentPool: "test" });
  });
});

describe("windlass agent pause, resume and drain", () => {
  test("say what becomes of the agent, and keep the reason", async () => {
    const { id } = await given({ name: "steered", connectedTo: "this-server" });
    const paused = await done(["agent", "pause", "steered", "--reason", "new disk"]);
    expect(paused.stdout).toContain("Agent steered gets no new jobs until it is resumed");
    expect(await now(id)).toMatchObject({ isPaused: true, pauseReason: "new disk" });
    expect((await done("agent resume steered")).stdout).toContain("Agent steered gets new jobs again");
    expect(await now(id)).toMatchObject({ isPaused: false });
    expect((await done("agent drain steered")).stdout).toContain("Agent steered finishes its jobs and exits");
    expect(await now(id)).toMatchObject({ isDraining: true });
  });

  test("of a silent agent say that it hears of it later, and when it was seen", async () => {
    await given({ name: "silent", status: "unknown", connectedTo: "this-server" });
    await server.clock.advance(53_000);
    expect((await done("agent drain silent")).stdout).toContain(
      "Agent silent finishes its jobs and exits as soon as it is back (last seen 53s ago)",
    );
  });

  test("of an agent that has left say so", async () => {
    await given({ name: "left", status: "exited" });
    expect((await done("agent pause left")).stdout).toContain("has left: should it come back, it gets no jobs");
    expect((await done("agent resume left")).stdout).toContain("has left: it gets jobs when it comes back");
    expect((await done("agent drain left")).stdout).toContain("has left already: there is nothing to drain");
  });

  test("a reason that is too long is cut where it can be seen", async () => {
    const { id } = await given({ name: "talker" });
    await done(["agent", "pause", "talker", "--reason", "é".repeat(256)]);
    expect((await now(id))?.pauseReason).toBe("é".repeat(256));
    await done(["agent", "pause", "talker", "--reason", "é".repeat(257)]);
    expect((await now(id))?.pauseReason).toBe(`${"é".repeat(255)}…`);
  });
});

describe("windlass agent delete", () => {
  test("forgets those that have left, after a yes", async () => {
    const gone = await given({ name: "forgotten", status: "exited" });
    const asked = await cli("agent delete forgotten");
    expect([asked.exit, asked.stderr]).toEqual([2, expect.stringContaining("Forget agent forgotten?")]);
    expect(await server.json("agent delete forgotten --yes")).toEqual({ deleted: "agent/forgotten" });
    expect(await now(gone.id)).toBeUndefined();
  });

  test("refuses those that are connected, before any is forgotten", async () => {
    const gone = await given({ name: "spared", status: "errored" });
    await given({ name: "there", status: "idle" });
    const refused = await cli("agent delete spared there --yes");
    expect([refused.exit, refused.stdout]).toEqual([5, ""]);
    expect(refused.stderr).toContain("agent there is idle, that is connected");
    expect(refused.stderr).toContain("windlass agent drain there");
    expect(await now(gone.id)).toBeDefined();
  });
});

describe("windlass agent kept and remove-kept", () => {
  test("directories are listed with their reasons, also of agents that have left", async () => {
    const keeper = await given({ name: "keeper", keptDirectories: [keptOf(1), keptOf(2)] });
    await given({ name: "ex-keeper", status: "exited", keptDirectories: [keptOf(3)] });
    const all = (await done("agent kept")).stdout;
    for (const n of [1, 2, 3]) expect(all).toContain(`state ${n} could not be delivered`);
    const own = (await done("agent kept keeper -o wide")).stdout;
    expect(own).toContain("/var/lib/windlass/2");
    expect(own).not.toContain("ex-keeper");
    expect((await done("agent get keeper")).stdout).toMatch(/^Kept: +\/var\/lib\/windlass\/1 \(2\.0 kB\), of run /m);
    expect((await done("agent kept -o name")).stdout.split("\n")).toContain(`kept/${keeper.keptDirectories[0]?.jobId}`);
  });

  test("one goes by the name that the list gave it, and nothing goes unasked", async () => {
    const [first, second] = [keptOf(1), keptOf(2)];
    const { id } = await given({ name: "cleaner", keptDirectories: [first, second], connectedTo: "this-server" });
    const asked = await cli("agent remove-kept cleaner --all");
    expect(asked.exit).toBe(2);
    for (const { runId, reason } of [first, second]) expect(asked.stderr).toContain(`${runId}: ${reason}`);
    expect((await now(id))?.unwantedDirectories).toEqual([]);
    const removed = await done(`agent remove-kept cleaner kept/${first.jobId} --yes`);
    expect(removed.stdout).toContain("Agent cleaner removes 1 job directory");
    expect(removed.stderr).toContain("windlass agent kept cleaner");
    expect(await now(id)).toMatchObject({ unwantedDirectories: [expect.stringContaining(first.jobId)] });
    expect((await done("agent remove-kept cleaner --all --yes")).stdout).toContain("removes 2 job directories");
  });
});
