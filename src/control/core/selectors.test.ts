import { expect, test } from "vitest";
import { fakeConnectedAgent } from "../../../test/support/control.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import type { RunOptions } from "../../domain/runs/run.ts";
import type { AgentId, JobId, PoolId } from "../../lib/words/ids.ts";
import { Presence } from "./presence.ts";
import { agentFacts, rememberedFacts } from "./selectors.ts";

const clock = new ManualClock();
const workspace = { poolId: "apool_1", agentSelector: "zone=a", engine: "tofu", engineVersion: "~> 1.12" } as const;
const options: RunOptions = {
  ...{ isPlanOnly: false, isAutoApply: false, isDestroy: false, skipsRefresh: false, isRefreshOnly: false },
  ...{ targets: [], replacements: [], variables: [], engineVersion: "", allowsEmptyApply: true, parallelism: 0 },
};
const plan = { phase: "plan", engine: null, engineVersion: "", options } as const;

/** Agents of one pool, of which every other one is in zone a. */
function connected(count: number): Presence {
  const presence = new Presence();
  for (let n = 0; n < count; n++) {
    const agentId: AgentId = `agent_${n}`;
    const labels = { zone: n % 2 === 0 ? "a" : "b", name: `vm-${n}`, accepts: "all" };
    presence.enter(fakeConnectedAgent({ agentId, name: `vm-${n}`, poolId: "apool_1", labels }).connected);
  }
  return presence;
}

test("agents that match are counted, and some of the others are named", () => {
  const facts = agentFacts({ presence: connected(20), clock }, workspace, plan);
  expect(facts).toMatchObject({ online: 20, matching: 10, fit: 10, open: 10, free: 10 });
  expect(facts.others).toHaveLength(5);
  expect(facts.others[0]).toContain("vm-1 (");
});

test("each connected agent is looked at once, however many runs of a list want the same", () => {
  const presence = connected(20);
  let looks = 0;
  const counting = Object.assign(Object.create(presence), {
    inPool: (poolId: PoolId) => {
      looks += 1;
      return presence.inPool(poolId);
    },
    arrivals: () => [],
  }) as Presence;
  const factsOf = rememberedFacts({ presence: counting, clock });
  for (let run = 0; run < 1_000; run++) factsOf(workspace, plan);
  factsOf({ ...workspace, agentSelector: "" }, plan);
  factsOf(workspace, { ...plan, phase: "apply", engine: "tofu", engineVersion: "1.12.6" });
  expect(looks).toBe(3);
});

test("where one has room that may take it, the others are not looked at; where none has, they are counted", () => {
  const presence = connected(20);
  const factsOf = (id?: JobId) => rememberedFacts({ presence, clock })(workspace, { ...plan, id });
  expect(factsOf()).toMatchObject({ free: 1, others: [] });
  for (const one of presence.inPool("apool_1")) Object.assign(one, { jobs: new Map([["job_1", 1]]) });
  expect(factsOf()).toMatchObject({ online: 20, matching: 10, open: 10, free: 0 });
  const [first] = presence.inPool("apool_1");
  Object.assign(first ?? {}, {
    jobs: new Map(),
    whyDeclined: (id: JobId) => (id === "job_2" ? "disk full" : undefined),
  });
  expect(factsOf("job_3")).toMatchObject({ online: 1, free: 1 });
  expect(factsOf("job_2")).toMatchObject({ online: 20, free: 0 });
});

test("agents without the program do not count, and what each has is told", () => {
  const presence = new Presence();
  const engines = { programs: [{ engine: "terraform", version: "1.11.4" }], downloads: [] } as const;
  const one = { poolId: "apool_1", labels: { zone: "a" } } as const;
  presence.enter(fakeConnectedAgent({ ...one, agentId: "agent_1", name: "vm-1", engines }).connected);
  const facts = agentFacts({ presence, clock }, workspace, plan);
  expect(facts).toMatchObject({ matching: 1, fit: 0, free: 0, wish: "tofu ~> 1.12" });
  expect(facts.unfit).toEqual(["vm-1 has terraform 1.11.4"]);
  const apply = { phase: "apply", engine: "terraform", engineVersion: "1.11.4", options } as const;
  expect(agentFacts({ presence, clock }, workspace, apply)).toMatchObject({ fit: 1, free: 1, unfit: [] });
});

test("agents that have registered and have no stream are named, with what keeps them away", async () => {
  const presence = new Presence();
  const one = { poolId: "apool_1", wayProblem: "a proxy speaks HTTP/1.1", atMs: clock.monotonicMs() } as const;
  presence.noteArrival({ ...one, agentId: "agent_1", name: "vm-1" });
  presence.noteArrival({ ...one, agentId: "agent_2", name: "vm-2", wayProblem: "" });
  presence.noteArrival({ ...one, agentId: "agent_3", name: "vm-3", poolId: "apool_2" });
  const arriving = () => agentFacts({ presence, clock }, workspace, plan).arriving;
  expect(arriving()).toEqual([
    "agent vm-1 has registered and opens no stream: a proxy speaks HTTP/1.1",
    "agent vm-2 has registered and has no stream so far",
  ]);
  presence.enter(
    fakeConnectedAgent({ agentId: "agent_1", name: "vm-1", poolId: "apool_1", labels: { zone: "a" } }).connected,
  );
  expect(arriving()).toHaveLength(1);
  presence.noteArrival({ ...one, agentId: "agent_1", name: "vm-1" });
  expect(arriving()).toHaveLength(1);
  await clock.advance(100_000);
  expect(arriving()).toEqual([]);
});

test("agents that do not know an option of the run do not count for the phase that has it, and are named", () => {
  const presence = new Presence();
  const one = { poolId: "apool_1", labels: { zone: "a" } } as const;
  presence.enter(
    fakeConnectedAgent({ ...one, agentId: "agent_1", name: "vm-1", version: "0.9.0", features: new Set() }).connected,
  );
  const factsOf = rememberedFacts({ presence, clock });
  expect(factsOf(workspace, plan)).toMatchObject({ able: 1, fit: 1, options: "", unable: [] });
  const excluding = { ...plan, options: { ...options, excludes: ["terraform_data.a"] } };
  const told = { matching: 1, able: 0, fit: 0, free: 0, options: "--exclude", unable: ["vm-1 (0.9.0)"], unfit: [] };
  expect(factsOf(workspace, excluding)).toMatchObject(told);
  expect(factsOf(workspace, { ...excluding, phase: "apply" })).toMatchObject({ able: 1, unable: [] });
  const destroying = { ...plan, options: { ...options, isDestroy: true, suppressesForgetErrors: true } };
  expect(factsOf(workspace, destroying)).toMatchObject({ able: 1 });
  const apply = { ...destroying, phase: "apply" } as const;
  expect(factsOf(workspace, apply)).toMatchObject({ able: 0, options: "--suppress-forget-errors" });
});
