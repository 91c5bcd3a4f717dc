import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AgentSlot,
  type Assignment,
  assign as assignIn,
  type Candidate,
  dispatchOrder,
  isMatch,
} from "./dispatch.ts";
import { engineFit, requirementText } from "./engine.ts";
import { jobFeatures } from "./job-features.ts";

const organizations = ["org_a", "org_b", "org_c"] as const;
const pools = ["apool_1", "apool_2", null] as const;

const candidate = (n: number) =>
  fc.record({
    id: fc.constant(`job_${n}` as const),
    runId: fc.constant(`run_${n}` as const),
    organizationId: fc.constantFrom(...organizations),
    poolId: fc.constantFrom(...pools),
    phase: fc.constantFrom("plan" as const, "apply" as const),
    rank: fc.constantFrom(0, 1, 2),
    urgency: fc.constantFrom(0, 1, 2),
    queuedAt: fc.integer({ min: 0, max: 3 }).map((seconds) => new Date(seconds * 1_000)),
    warmAgentId: fc.constantFrom(null, "agent_0" as const, "agent_1" as const),
    conditions: fc.constant([]),
    wish: fc.constant({ engine: "tofu" as const, constraint: "", planVersion: "" }),
    needs: fc.subarray([...jobFeatures]),
  });

const candidates: fc.Arbitrary<readonly Candidate[]> = fc
  .integer({ min: 0, max: 12 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => candidate(n))));

const agent = (n: number): fc.Arbitrary<AgentSlot> =>
  fc.record({
    agentId: fc.constant(`agent_${n}` as const),
    poolId: fc.constantFrom(...pools),
    jobs: fc.constantFrom({ size: 0 }, { size: 1 }, { size: 2 }),
    concurrency: fc.constantFrom(1, 2, 4),
    takesJobs: fc.boolean(),
    labels: fc.constantFrom({}, { accept: "plan" }, { accept: "apply" }),
    engines: fc.constant(null),
    features: fc.subarray([...jobFeatures]).map((known) => new Set(known)),
    unmet: fc.constant(new Map()),
    whyDeclined: fc.constantFrom(
      () => undefined,
      (jobId: string) => (jobId.endsWith("1") ? "disk full" : undefined),
    ),
  });

const agents: fc.Arbitrary<readonly AgentSlot[]> = fc
  .integer({ min: 0, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => agent(n))));

const wishes = ["", "~> 1.12", ">= 2"].map((constraint) => ({ engine: "tofu" as const, constraint, planVersion: "" }));
const choosyCandidates = candidates.chain((jobs) =>
  fc.tuple(...jobs.map((job) => fc.constantFrom(...wishes).map((wish): Candidate => ({ ...job, wish })))),
);
const program = (version: string) => ({ engine: "tofu" as const, version });
const choosyAgents = agents.chain((slots) =>
  fc.tuple(
    ...slots.map((slot) =>
      fc
        .record({
          engines: fc.constantFrom(
            null,
            { programs: [program("1.12.1")], downloads: [] },
            { programs: [], downloads: [] },
          ),
          unmet: fc.subarray(wishes.map(requirementText)).map((texts) => new Map(texts.map((text) => [text, "why"]))),
        })
        .map((more): AgentSlot => ({ ...slot, ...more })),
    ),
  ),
);

/** The rule as it reads: for each job all agents are looked at. */
function oneByOne(jobs: readonly Candidate[], slots: readonly AgentSlot[]): readonly Assignment[] {
  const load = new Map(slots.map(({ agentId, jobs: { size } }) => [agentId, size]));
  const rank = { has: 0, unknown: 1, "may-download": 2, lacks: 3 };
  return jobs.flatMap((job) => {
    const of = (slot: AgentSlot) => engineFit(slot.engines, job.wish);
    const fit = slots.filter(
      (slot) =>
        slot.poolId === job.poolId &&
        isMatch(slot.labels, job.phase, job.conditions) &&
        job.needs.every((need) => slot.features.has(need)) &&
        of(slot) !== "lacks",
    );
    const able = fit.filter(({ unmet }) => !unmet.has(requirementText(job.wish)));
    const jobsOf = ({ agentId }: AgentSlot) => load.get(agentId) ?? 0;
    const [best] = (able.length > 0 ? able : fit)
      .filter((slot) => slot.takesJobs && jobsOf(slot) < slot.concurrency && slot.whyDeclined(job.id) === undefined)
      .toSorted(
        (a, b) =>
          Number(b.agentId === job.warmAgentId) - Number(a.agentId === job.warmAgentId) ||
          rank[of(a)] - rank[of(b)] ||
          jobsOf(a) / a.concurrency - jobsOf(b) / b.concurrency,
      );
    if (best === undefined) return [];
    load.set(best.agentId, jobsOf(best) + 1);
    return [{ jobId: job.id, agentId: best.agentId }];
  });
}

const shares = fc
  .tuple(...organizations.map((id) => fc.tuple(fc.constant(id), fc.nat({ max: 3 }))))
  .map((entries) => new Map(entries));

const assign = (jobs: readonly Candidate[], slots: readonly AgentSlot[]) =>
  assignIn(jobs, {
    get: (id) => slots.find(({ agentId }) => agentId === id),
    inPool: (poolId) => slots.filter((slot) => slot.poolId === poolId),
  });

const ids = (jobs: readonly Candidate[]) => jobs.map(({ id }) => id);

describe("the order of dispatch", () => {
  test("has every job once, and does not depend on the order in which they are read", () => {
    const shuffled = candidates.chain((jobs) =>
      fc.tuple(fc.constant(jobs), fc.shuffledSubarray([...jobs], { minLength: jobs.length })),
    );
    fc.assert(
      fc.property(shuffled, shares, shares, ([jobs, others], running, served) => {
        const order = ids(dispatchOrder(jobs, running, served));
        expect(order.toSorted()).toEqual(ids(jobs).toSorted());
        expect(ids(dispatchOrder(others, running, served))).toEqual(order);
      }),
    );
  });

  test("no organization's share brings a job before one that matters more", () => {
    fc.assert(
      fc.property(candidates, shares, shares, (jobs, running, served) => {
        const order = dispatchOrder(jobs, running, served).map(({ rank, urgency }) => rank * 10 + urgency);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }),
    );
  });

  test("what one organization wants alike goes by age, then by id", () => {
    fc.assert(
      fc.property(candidates, shares, (jobs, running) => {
        const lanes = Map.groupBy(
          dispatchOrder(jobs, running),
          ({ rank, urgency, organizationId }) => `${rank} ${urgency} ${organizationId}`,
        );
        for (const lane of lanes.values()) {
          const byAge = lane.toSorted((a, b) => a.queuedAt.getTime() - b.queuedAt.getTime() || (a.id < b.id ? -1 : 1));
          expect(ids(lane)).toEqual(ids(byAge));
        }
      }),
    );
  });

  test("as long as two organizations wait alike, neither gets two turns more than the other", () => {
    const alike = candidates.map((jobs) => jobs.map((job): Candidate => ({ ...job, rank: 1, urgency: 1 })));
    fc.assert(
      fc.property(alike, (jobs) => {
        const order = dispatchOrder(jobs, new Map());
        for (let length = 0; length <= order.length; length++) {
          const taken = (id: string) => order.slice(0, length).filter((job) => job.organizationId === id).length;
          const waiting = organizations.filter((id) => order.slice(length).some((job) => job.organizationId === id));
          const turns = waiting.map(taken);
          expect(Math.max(0, ...turns) - Math.min(...turns, Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("of equals that one goes first whose last turn is longest ago, again and again", () => {
    const jobs = organizations.flatMap((organizationId, n) =>
      [0, 1].map((more): Candidate => ({ ...base, id: `job_${n}${more}`, organizationId })),
    );
    const served = new Map([
      ["org_a", 9],
      ["org_b", 3],
      ["org_c", 5],
    ] as const);
    const order = dispatchOrder(jobs, new Map(), served).map(({ organizationId }) => organizationId);
    expect(order).toEqual(["org_b", "org_c", "org_a", "org_b", "org_c", "org_a"]);
  });

  const base: Candidate = {
    ...{ id: "job_0", runId: "run_0", organizationId: "org_a", poolId: null, phase: "plan", rank: 1, urgency: 1 },
    ...{ queuedAt: new Date(0), warmAgentId: null, conditions: [], needs: [] },
    wish: { engine: "tofu", constraint: "", planVersion: "" },
  };
});

describe("which agent takes which job", () => {
  const fits = (job: Candidate, slot: AgentSlot): boolean =>
    slot.poolId === job.poolId &&
    slot.takesJobs &&
    isMatch(slot.labels, job.phase, job.conditions) &&
    job.needs.every((need) => slot.features.has(need)) &&
    slot.whyDeclined(job.id) === undefined;

  test("each job goes to one agent that may, can and has room, and none waits beside such a one", () => {
    fc.assert(
      fc.property(candidates, agents, (jobs, slots) => {
        const assigned = assign(jobs, slots);
        expect(new Set(assigned.map(({ jobId }) => jobId)).size).toBe(assigned.length);
        const load = new Map(slots.map((slot) => [slot.agentId, slot.jobs.size]));
        for (const { jobId, agentId } of assigned) {
          const job = jobs.find(({ id }) => id === jobId);
          const slot = slots.find((one) => one.agentId === agentId);
          expect(job !== undefined && slot !== undefined && fits(job, slot)).toBe(true);
          load.set(agentId, (load.get(agentId) ?? 0) + 1);
        }
        for (const slot of slots) {
          if ((load.get(slot.agentId) ?? 0) > slot.jobs.size)
            expect(load.get(slot.agentId)).toBeLessThanOrEqual(slot.concurrency);
        }
        const waiting = jobs.filter(({ id }) => !assigned.some(({ jobId }) => jobId === id));
        const free = slots.filter((slot) => (load.get(slot.agentId) ?? 0) < slot.concurrency);
        for (const job of waiting) expect(free.filter((slot) => fits(job, slot))).toEqual([]);
      }),
    );
  });

  test("each goes where one who looks at all agents for each job would send it", () => {
    fc.assert(
      fc.property(choosyCandidates, choosyAgents, (jobs, slots) => {
        expect(assign(jobs, slots)).toEqual(oneByOne(jobs, slots));
      }),
      { numRuns: 1_000 },
    );
  });

  test("the warm agent goes before all others that could, as long as it has room", () => {
    fc.assert(
      fc.property(candidate(0), agents, (job, slots) => {
        const [assigned] = assign([job], slots);
        const able = slots.filter((slot) => fits(job, slot) && slot.jobs.size < slot.concurrency);
        const warm = able.find(({ agentId }) => agentId === job.warmAgentId);
        if (warm !== undefined) expect(assigned?.agentId).toBe(warm.agentId);
        else expect(assigned === undefined).toBe(able.length === 0);
      }),
    );
  });

  test("of the others the least loaded goes first, of these the one that is idle longest", () => {
    fc.assert(
      fc.property(candidate(0), agents, (job, slots) => {
        const [assigned] = assign([{ ...job, warmAgentId: null }], slots);
        const chosen = slots.find(({ agentId }) => agentId === assigned?.agentId);
        if (chosen === undefined) return;
        const loadOf = ({ jobs, concurrency }: AgentSlot) => jobs.size / concurrency;
        for (const other of slots.filter((slot) => fits(job, slot) && slot.jobs.size < slot.concurrency)) {
          expect(loadOf(chosen)).toBeLessThanOrEqual(loadOf(other));
          if (loadOf(chosen) === loadOf(other)) expect(slots.indexOf(chosen)).toBeLessThanOrEqual(slots.indexOf(other));
        }
      }),
    );
  });

  test("of those that are equal in all the first one stays", () => {
    const slot: AgentSlot = {
      ...{
        agentId: "agent_0",
        poolId: null,
        jobs: { size: 0 },
        concurrency: 1,
        takesJobs: true,
        labels: {},
        engines: null,
      },
      ...{ features: new Set(jobFeatures), unmet: new Map(), whyDeclined: () => undefined },
    };
    fc.assert(
      fc.property(candidate(0), (job) => {
        const slots = [slot, { ...slot, agentId: "agent_9" } as const];
        const asked = { ...job, poolId: null, warmAgentId: null };
        expect(assign([asked], slots)).toEqual([{ jobId: job.id, agentId: "agent_0" }]);
      }),
    );
  });
});
