import { describe, expect, test } from "vitest";
import { assign, type Candidate, dispatchOrder, type Seat } from "./dispatch.ts";

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
  ...change,
});
const seat = (name: string, change: Partial<Seat> = {}): Seat => ({
  agentId: `agent_${name}`,
  poolId: "apool_1",
  jobs: 0,
  concurrency: 1,
  labels: {},
  ...change,
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
    expect(assign([apply], [seat("a"), seat("b")])).toEqual([{ jobId: "job_x", agentId: "agent_b" }]);
    expect(assign([apply], [seat("a"), seat("b", { jobs: 1 })])).toEqual([{ jobId: "job_x", agentId: "agent_a" }]);
  });

  test("else the least loaded", () => {
    expect(
      assign([job("x")], [seat("a", { jobs: 1, concurrency: 2 }), seat("b", { jobs: 1, concurrency: 4 })]),
    ).toEqual([{ jobId: "job_x", agentId: "agent_b" }]);
  });

  test("only agents whose labels match, the warm one too", () => {
    const conditions = [{ kind: "equals", key: "zone", value: "a" }] as const;
    const seats = [seat("west", { labels: { zone: "b" } }), seat("east", { labels: { zone: "a" } })];
    const chosen = (change: Partial<Candidate>) => assign([job("x", change)], seats).map(({ agentId }) => agentId);
    expect(chosen({ conditions })).toEqual(["agent_east"]);
    expect(chosen({ conditions, warmAgentId: "agent_west" })).toEqual(["agent_east"]);
    expect(chosen({ conditions: [{ kind: "present", key: "gpu" }] })).toEqual([]);
  });

  test("an agent that accepts one phase gets no other", () => {
    const seats = [seat("planner", { labels: { accept: "plan" } })];
    expect(assign([job("x", { phase: "apply", rank: 0 })], seats)).toEqual([]);
    expect(assign([job("x")], seats)).toHaveLength(1);
  });

  test("only agents of the job's pool, and never more than they run at once", () => {
    const jobs = [job("1"), job("2"), job("3", { poolId: null })];
    expect(assign(jobs, [seat("a"), seat("server", { poolId: null })])).toEqual([
      { jobId: "job_1", agentId: "agent_a" },
      { jobId: "job_3", agentId: "agent_server" },
    ]);
  });
});
