import { describe, expect, test } from "vitest";
import type { AgentEngines } from "../agents/agent.ts";
import { type AgentSlot, assign as assignIn, type Candidate, dispatchOrder } from "./dispatch.ts";
import type { JobFeature } from "./job-features.ts";

const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n));
const job = (name: string, change: Partial<Candidate> = {}): Candidate => ({
  id: `job_${name}`,
  organizationId: "org_a",
  poolId: "apool_1",
  runId: `run_${name}`,
  phase: "plan",
  rank: 1,
  urgency: 1,
  queuedAt: second(0),
  warmAgentId: null,
  conditions: [],
  wish: { engine: "tofu", constraint: "~> 1.12", planVersion: "" },
  needs: [],
  ...change,
});
const slot = (name: string, change: Partial<AgentSlot> = {}): AgentSlot => ({
  agentId: `agent_${name}`,
  poolId: "apool_1",
  jobs: { size: 0 },
  concurrency: 1,
  takesJobs: true,
  labels: {},
  engines: null,
  features: new Set(),
  unmet: new Map(),
  whyDeclined: () => undefined,
  ...change,
});
const assign = (jobs: readonly Candidate[], slots: readonly AgentSlot[]) =>
  assignIn(jobs, {
    get: (id) => slots.find(({ agentId }) => agentId === id),
    inPool: (poolId) => slots.filter((slot) => slot.poolId === poolId),
  });

const names = (jobs: readonly Candidate[]) => jobs.map(({ id }) => id.slice(4));

describe("the order of dispatch", () => {
  test("applies before plans before plan-only, however old", () => {
    const order = dispatchOrder(
      [
        job("plan-only", { rank: 2, queuedAt: second(0) }),
        job("plan", { queuedAt: second(1) }),
        job("apply", { rank: 0, queuedAt: second(2) }),
      ],
      new Map(),
    );
    expect(names(order)).toEqual(["apply", "plan", "plan-only"]);
  });

  test("the more urgent first, but no plan before an apply, and nobody's age or share above it", () => {
    const order = dispatchOrder(
      [
        job("low", { urgency: 2, queuedAt: second(0) }),
        job("normal", { queuedAt: second(1) }),
        job("high", { urgency: 0, queuedAt: second(9), organizationId: "org_b" }),
        job("apply", { rank: 0, urgency: 2, queuedAt: second(9) }),
      ],
      new Map([["org_b", 5]]),
    );
    expect(names(order)).toEqual(["apply", "high", "normal", "low"]);
  });

  test("oldest first inside an organization", () => {
    expect(
      names(dispatchOrder([job("b", { queuedAt: second(2) }), job("a", { queuedAt: second(1) })], new Map())),
    ).toEqual(["a", "b"]);
  });

  test("an organization with many jobs does not hold back another", () => {
    const flood = Array.from({ length: 4 }, (_, i) => job(`a${i}`, { queuedAt: second(i) }));
    const order = dispatchOrder([...flood, job("b0", { organizationId: "org_b", queuedAt: second(10) })], new Map());
    expect(names(order)).toEqual(["a0", "b0", "a1", "a2", "a3"]);
  });

  test.each([
    ["nobody was served: the oldest", {}, ["a0", "b0", "a1"]],
    ["a had the last turn: b, though its job is newer", { org_a: 1 }, ["b0", "a0", "a1"]],
    ["b had the last turn", { org_a: 1, org_b: 2 }, ["a0", "b0", "a1"]],
    ["a had the last turn, b one before", { org_a: 7, org_b: 2 }, ["b0", "a0", "a1"]],
  ] as const)("with nothing running, by turns: %s", (_, served, expected) => {
    const jobs = [job("a0"), job("a1", { queuedAt: second(1) })];
    const late = job("b0", { organizationId: "org_b", queuedAt: second(10) });
    const turns = new Map(Object.entries(served) as [Candidate["organizationId"], number][]);
    expect(names(dispatchOrder([...jobs, late], new Map(), turns))).toEqual(expected);
  });

  test("jobs that run already count", () => {
    const jobs = [job("a", { queuedAt: second(0) }), job("b", { organizationId: "org_b", queuedAt: second(1) })];
    expect(names(dispatchOrder(jobs, new Map([["org_a", 3]])))).toEqual(["b", "a"]);
  });
});

describe("who takes a job", () => {
  test("the agent that planned the run, if it has room", () => {
    const apply = job("x", { warmAgentId: "agent_b" });
    expect(assign([apply], [slot("a"), slot("b")])).toEqual([{ jobId: "job_x", agentId: "agent_b" }]);
    expect(assign([apply], [slot("a"), slot("b", { jobs: { size: 1 } })])).toEqual([
      { jobId: "job_x", agentId: "agent_a" },
    ]);
  });

  test("else the least loaded", () => {
    expect(
      assign(
        [job("x")],
        [slot("a", { jobs: { size: 1 }, concurrency: 2 }), slot("b", { jobs: { size: 1 }, concurrency: 4 })],
      ),
    ).toEqual([{ jobId: "job_x", agentId: "agent_b" }]);
  });

  test("of two that are idle, the one that is idle longest, which comes first", () => {
    const slots = [slot("a"), slot("b")];
    expect(assign([job("x"), job("y")], slots)).toEqual([
      { jobId: "job_x", agentId: "agent_a" },
      { jobId: "job_y", agentId: "agent_b" },
    ]);
  });

  test("only agents whose labels match, the warm one too", () => {
    const conditions = [{ kind: "equals", key: "zone", value: "a" }] as const;
    const slots = [slot("west", { labels: { zone: "b" } }), slot("east", { labels: { zone: "a" } })];
    const chosen = (change: Partial<Candidate>) => assign([job("x", change)], slots).map(({ agentId }) => agentId);
    expect(chosen({ conditions })).toEqual(["agent_east"]);
    expect(chosen({ conditions, warmAgentId: "agent_west" })).toEqual(["agent_east"]);
    expect(chosen({ conditions: [{ kind: "present", key: "gpu" }] })).toEqual([]);
  });

  test("an agent that accepts one phase gets no other", () => {
    const slots = [slot("planner", { labels: { accept: "plan" } })];
    expect(assign([job("x", { phase: "apply", rank: 0 })], slots)).toEqual([]);
    expect(assign([job("x")], slots)).toHaveLength(1);
  });

  test("only agents of the job's pool, and never more than they run at once", () => {
    const jobs = [job("1"), job("2"), job("3", { poolId: null })];
    expect(assign(jobs, [slot("a"), slot("server", { poolId: null })])).toEqual([
      { jobId: "job_1", agentId: "agent_a" },
      { jobId: "job_3", agentId: "agent_server" },
    ]);
  });

  const knowing = new Set<JobFeature>(["excludes"]);
  test.each<[string, Partial<Candidate>, readonly AgentSlot[], string | undefined]>([
    ["nobody, where all are too old for it", { needs: ["excludes"] }, [slot("old"), slot("older")], undefined],
    [
      "one that knows it, however busy",
      { needs: ["excludes"] },
      [slot("old"), slot("new", { features: knowing, concurrency: 4, jobs: { size: 3 } })],
      "agent_new",
    ],
    [
      "nobody, while the only one that knows it has no room",
      { needs: ["excludes"] },
      [slot("old"), slot("new", { features: knowing, jobs: { size: 1 } })],
      undefined,
    ],
    [
      "not the warm one, if it is too old",
      { needs: ["excludes"], warmAgentId: "agent_old" },
      [slot("old"), slot("new", { features: knowing })],
      "agent_new",
    ],
    [
      "nobody that knows another option alone",
      { needs: ["suppress_forget_errors"] },
      [slot("new", { features: knowing })],
      undefined,
    ],
    ["anybody, without an option", {}, [slot("old")], "agent_old"],
  ])("by option: %s", (_, change, slots, expected) => {
    expect(assign([job("x", change)], slots)[0]?.agentId).toBe(expected);
  });

  const having = (...versions: string[]): AgentEngines => ({
    programs: versions.map((version) => ({ engine: "tofu", version })),
    downloads: [],
  });
  const downloading: AgentEngines = { programs: [], downloads: [{ engine: "tofu", source: "a mirror" }] };
  const unmet = new Map([["tofu ~> 1.12", "the mirror does not answer"]]);
  test.each<[string, readonly AgentSlot[], string | undefined]>([
    ["never one that cannot have the program", [slot("old", { engines: having("1.11.5") })], undefined],
    [
      "one that has it before an idle one that downloads it",
      [
        slot("d", { engines: downloading }),
        slot("h", { engines: having("1.12.1"), concurrency: 4, jobs: { size: 3 } }),
      ],
      "agent_h",
    ],
    [
      "one that downloads it, if nobody has it",
      [slot("old", { engines: having("1.11.5") }), slot("d", { engines: downloading })],
      "agent_d",
    ],
    ["one that does not say, as before", [slot("a")], "agent_a"],
    [
      "nobody, while the only fit one is busy",
      [slot("old", { engines: having("1.11.5") }), slot("h", { engines: having("1.12.1"), jobs: { size: 1 } })],
      undefined,
    ],
    [
      "nobody that could not have it, while another one is busy",
      [slot("liar", { engines: having("1.12.1"), unmet }), slot("h", { engines: having("1.12.1"), jobs: { size: 1 } })],
      undefined,
    ],
    [
      "nobody that could not have it, while another one is paused",
      [slot("liar", { engines: having("1.12.1"), unmet }), slot("h", { engines: having("1.12.1"), takesJobs: false })],
      undefined,
    ],
    [
      "who could not have it, if there is no other: to say so",
      [slot("liar", { engines: having("1.12.1"), unmet })],
      "agent_liar",
    ],
    [
      "the warm one is passed over when it has lost the program",
      [slot("w", { engines: having() }), slot("h", { engines: having("1.12.1") })],
      "agent_h",
    ],
  ])("by program: %s", (_, slots, expected) => {
    expect(assign([job("x", { warmAgentId: "agent_w" })], slots)[0]?.agentId).toBe(expected);
  });
});
