import { describe, expect, test } from "vitest";
import type { AgentId } from "../../lib/words/ids.ts";
import { type AgentUpdatePolicy, type AgentUpdateStatus, changedPolicy, defaultUpdatePolicy } from "./agent-update.ts";
import { newestOf, type OfferedRelease, type RolloutAgent, rollOut } from "./rollout.ts";

const now = new Date("2026-12-01T12:00:00Z");
const offered = (version: string, isWithdrawn = false): OfferedRelease => ({
  ...{ version, isWithdrawn },
  platforms: ["linux-x64"],
});
const releases = ["1.4.1", "1.4.2", "1.5.0", "2.0.0", "1.4.3-rc.1"].map((version) => offered(version));
const patch: AgentUpdatePolicy = { ...defaultUpdatePolicy, mode: "patch" };
const status = (state: AgentUpdateStatus["state"], target = "", reason = ""): AgentUpdateStatus => ({
  ...{ state, target, reason, from: "", detail: reason === "" ? "" : "it crashed", atMs: now.getTime() },
});
const agent = (number: number, change: Partial<RolloutAgent> = {}): RolloutAgent => ({
  id: `agent_${number}` as AgentId,
  ...{ version: "1.4.1", os: "linux", arch: "x64", status: "idle", updateStatus: status("none") },
  ...change,
});
const group = (size: number): RolloutAgent[] => Array.from({ length: size }, (_, number) => agent(number));
const targets = (agents: readonly RolloutAgent[], policy = patch) => [
  ...rollOut({ policy, releases, agents, now }).targets.values(),
];

describe("what an agent should become", () => {
  test.each<readonly [string, Partial<AgentUpdatePolicy>, Partial<RolloutAgent>, string | undefined]>([
    ["the newest patch", {}, {}, "1.4.2"],
    ["the newest minor version", { mode: "minor" }, {}, "1.5.0"],
    ["the target, a release candidate too", { target: "1.4.3-rc.1" }, {}, "1.4.3-rc.1"],
    ["an older target", { target: "1.4.1" }, { version: "1.4.2" }, "1.4.1"],
    ["nothing older by itself", {}, { version: "1.4.9" }, undefined],
    ["no target outside of the mode", { target: "1.5.0" }, {}, undefined],
    ["nothing on another system", {}, { arch: "arm64" }, undefined],
    ["nothing while it is off", { mode: "off" }, {}, undefined],
    ["nothing while people are only told", { mode: "notify" }, {}, undefined],
    ["nothing while it is held", { hold: "release week" }, {}, undefined],
    ["nothing while it is halted", { halt: "2 agents" }, {}, undefined],
    ["nothing outside of the window", { window: "Mon-Thu 01:00-05:00" }, {}, undefined],
    ["in the window", { window: "Mon-Thu 11:00-13:00" }, {}, "1.4.2"],
    ["nothing if it does not speak of updates", {}, { updateStatus: null }, undefined],
    ["nothing if it does not update itself", {}, { updateStatus: status("refused", "1.4.2", "DISABLED") }, undefined],
    ["nothing while it is away", {}, { status: "unknown" }, undefined],
  ])("%s", (_, policy, change, target) => {
    expect(targets([agent(1, change)], { ...patch, ...policy })[0]).toBe(target);
  });

  test("a withdrawn version is none", () => {
    expect(newestOf([offered("1.4.1"), offered("1.4.2", true)])).toBe("1.4.1");
  });
});

test("who was told has its place before it says so: others who come meanwhile are no canaries", () => {
  const agents = group(50);
  const first = rollOut({ policy: patch, releases, agents: agents.slice(0, 1), now }).targets;
  expect([...first.keys()]).toEqual([agents[0]?.id]);
  expect(rollOut({ policy: patch, releases, agents, told: first, now }).targets).toEqual(first);
  expect(rollOut({ policy: patch, releases, agents, now }).targets).not.toEqual(first);
  const elsewhere = new Map([...first.keys()].map((id) => [id, "1.4.9"]));
  expect(rollOut({ policy: patch, releases, agents, told: elsewhere, now }).targets.size).toBe(1);
});

test("as many as canaries begin, and stay the same ones until they are through", () => {
  const agents = group(50);
  const first = rollOut({ policy: { ...patch, canary: 2 }, releases, agents, now }).targets;
  expect(first.size).toBe(2);
  const begun = agents.map((one) => (first.has(one.id) ? { ...one, updateStatus: status("ready", "1.4.2") } : one));
  expect(rollOut({ policy: { ...patch, canary: 2 }, releases, agents: begun, now }).targets).toEqual(first);
  const onTrial = agents.map((one) =>
    first.has(one.id) ? { ...one, version: "1.4.2", updateStatus: status("switching", "1.4.2") } : one,
  );
  expect(
    [...rollOut({ policy: { ...patch, canary: 2 }, releases, agents: onTrial, now }).targets.keys()].toSorted(),
  ).toEqual([...first.keys()].toSorted());
  const through = agents.map((one) =>
    first.has(one.id) ? { ...one, version: "1.4.2", updateStatus: status("confirmed", "1.4.2") } : one,
  );
  expect(rollOut({ policy: { ...patch, canary: 2 }, releases, agents: through, now }).targets.size).toBe(10);
});

test("an agent that has just registered as the target has proved nothing before it has said so", () => {
  const agents = [agent(1, { version: "1.4.2", updateStatus: status("ready", "1.4.2") }), agent(2), agent(3)];
  expect([...rollOut({ policy: patch, releases, agents, now }).targets.keys()]).toEqual(["agent_1"]);
});

/** Fifty agents that do what they are told, some steps at a time, with a version of some quality. */
function simulate(isGood: (agent: RolloutAgent) => boolean, policy: AgentUpdatePolicy) {
  let agents = group(50);
  let [halt, most, rounds] = ["", 0, 0];
  const touched = new Set<string>();
  for (; rounds < 500 && halt === ""; rounds++) {
    const rollout = rollOut({ policy, releases, agents, now });
    halt = rollout.halt ?? "";
    const before = agents;
    agents = agents.map((one) => {
      const { updateStatus: update } = one;
      if (update?.state === "switching") {
        if (isGood(one)) return { ...one, updateStatus: status("confirmed", one.version) };
        return { ...one, version: "1.4.1", updateStatus: status("rolled_back", one.version, "UNHEALTHY") };
      }
      const target = rollout.targets.get(one.id);
      if (target === undefined || target === one.version) return one;
      if (update?.state !== "ready") return { ...one, updateStatus: status("ready", target) };
      touched.add(one.id);
      return { ...one, version: target, updateStatus: status("switching", target) };
    });
    const moving = agents.filter(({ updateStatus: update }) => ["ready", "switching"].includes(update?.state ?? ""));
    most = Math.max(most, moving.length);
    if (JSON.stringify(before) === JSON.stringify(agents)) break;
  }
  return { halt, most, touched: touched.size, done: agents.filter(({ version }) => version === "1.4.2").length };
}

describe("fifty agents", () => {
  test("with a good version: all of them, never more than a fifth at once", () => {
    expect(simulate(() => true, patch)).toEqual({ halt: "", most: 10, touched: 50, done: 50 });
  });

  test("with a version that is bad everywhere: the canaries and at most one more", () => {
    for (const canary of [1, 3]) {
      const { halt, touched, done } = simulate(() => false, { ...patch, canary });
      expect(halt).toMatch(/did not get along with version 1\.4\.2: it crashed/);
      expect(touched).toBeLessThanOrEqual(canary + 1);
      expect(done).toBe(0);
    }
  });

  test("with a version that is bad for all but the canary: halted before a second wave", () => {
    let isFirst = true;
    const isGood = () => {
      const is = isFirst;
      isFirst = false;
      return is;
    };
    const { halt, touched } = simulate(isGood, patch);
    expect(halt).toMatch(/agents did not get along/);
    expect(touched).toBeLessThanOrEqual(1 + 10);
  });
});

test("an agent that vanishes on the way, and one that knows the version as bad, count as failures", () => {
  const gone = agent(1, { version: "1.4.2", status: "errored", updateStatus: status("switching", "1.4.2") });
  expect(rollOut({ policy: patch, releases, agents: [gone, agent(2)], now }).halt).toMatch(/did not get along/);
  const knows = agent(1, { updateStatus: status("refused", "1.4.2", "BAD_VERSION") });
  expect(rollOut({ policy: patch, releases, agents: [knows, agent(2)], now }).halt).toMatch(/did not get along/);
  const unlucky = agent(1, { updateStatus: status("rolled_back", "1.4.2", "UNREACHABLE") });
  expect(rollOut({ policy: patch, releases, agents: [unlucky, agent(2)], now }).halt).toBeUndefined();
});

test("a policy remembers the target before, and another target or a lifted halt forgives", () => {
  const first = changedPolicy(defaultUpdatePolicy, { ...patch, target: "1.4.1" }, now);
  const second = changedPolicy(first, { ...first, target: "1.4.2" }, now);
  expect(second).toMatchObject({ target: "1.4.2", previousTarget: "1.4.1", resumedAtMs: now.getTime() });
  const halted = { ...second, halt: "an agent", resumedAtMs: 0 };
  expect(changedPolicy(halted, { ...halted, canary: 3 }, now)).toMatchObject({ halt: "an agent", resumedAtMs: 0 });
  expect(changedPolicy(halted, { ...halted, halt: "" }, now)).toMatchObject({ halt: "", resumedAtMs: now.getTime() });
  expect(changedPolicy(second, { ...second, halt: "made up" }, now).halt).toBe("");
});
