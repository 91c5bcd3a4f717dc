import { describe, expect, test } from "vitest";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { workspace } from "../../../test/support/store/rows.ts";
import type { Job } from "./job.ts";
import type { Lost } from "./lost.ts";
import type { Run, RunStatus } from "./run.ts";
import { type AgentFacts, type WaitingFacts, whyWaiting } from "./waiting.ts";

const statusAt = new Date("2026-03-01T10:00:00.123Z");
const silentSince = new Date("2026-03-01T10:05:06.789Z");
const leaseUntil = new Date("2026-03-01T10:15:00.001Z");

const aRun = (change: Partial<Run> = {}): Run => runRow(workspace(), { id: "run_1", statusAt, ...change });
const aJob = (change: Partial<Job> = {}): Job => jobRow(aRun(), { agentName: "vm-1", ...change });

const nobody: AgentFacts = {
  ...{ online: 0, arriving: [], matching: 0, able: 0, fit: 0, open: 0, free: 0 },
  ...{ refusals: [], others: [], wish: "terraform", unfit: [], options: "", unable: [] },
};

/** Of so many agents that are alike: the counts of each kind of them are the same unless said otherwise. */
const agents = (count: number, change: Partial<AgentFacts> = {}): AgentFacts => ({
  ...nobody,
  ...{ online: count, matching: count, able: count, fit: count, open: count, free: count },
  ...change,
});

const facts = (
  status: RunStatus,
  change: Partial<WaitingFacts> & { readonly of?: Partial<Run> } = {},
): WaitingFacts => {
  const { of = {}, ...more } = change;
  return {
    run: aRun({ status, ...of }),
    job: null,
    lock: null,
    runsAhead: 0,
    poolName: "prod",
    mayUsePool: true,
    workspaceName: "network",
    agentSelector: "",
    agents: agents(1),
    jobsAhead: 0,
    agentSilentSince: null,
    endTold: "sent",
    preparing: "",
    wayProblem: "",
    delivering: "",
    ...more,
  };
};

const queued = (change: Partial<WaitingFacts>): WaitingFacts =>
  facts("plan_queued", { job: aJob({ status: "queued" }), ...change });

const lost: Lost = {
  resources: [
    {
      ...{ address: "t.a", action: "create", provider: "t", idKey: "id", id: "1", finishedAt: "" },
      ...{ held: "absent", isHidden: false },
    },
  ],
  count: 1,
};

describe("a run that has ended", () => {
  test.each<RunStatus>(["applied", "planned_and_finished", "discarded", "canceled", "force_canceled", "errored"])(
    "waits for nothing once the workspace is free: %s",
    (status) => {
      expect(whyWaiting(facts(status))).toBeNull();
      expect(whyWaiting(facts(status, { lock: { kind: "run", runId: "run_2", at: statusAt } }))).toBeNull();
      expect(whyWaiting(facts(status, { lock: { kind: "person", by: "ana", reason: "", at: statusAt } }))).toBeNull();
    },
  );

  test("and holds its workspace waits for evidence, or for a person", () => {
    const lock = { kind: "run", runId: "run_1", at: statusAt } as const;
    expect(whyWaiting(facts("errored", { lock }))).toEqual({
      reason: "resolution",
      detail: "holds its workspace until its agent comes back or somebody decides: windlass run resolve run_1",
      blockingRunId: null,
      queuePosition: 0,
      since: statusAt,
    });
    expect(whyWaiting(facts("errored", { lock, of: { lost } }))?.detail).toBe(
      "holds its workspace until somebody decides about what is in no state (windlass run lost run_1): windlass run resolve run_1",
    );
  });
});

describe("a pending run", () => {
  const held = { kind: "run", runId: "run_0", at: statusAt } as const;
  const holder = (status: RunStatus, of: Lost | null = null) => ({ id: "run_0", status, lost: of }) as const;

  test.each([
    ["that runs", holder("applying"), "to end"],
    ["of which nothing is known", undefined, "to end"],
    ["that is planned", holder("planned"), "to be confirmed or discarded"],
    [
      "whose apply was lost",
      holder("errored"),
      "to be decided, since nobody knows what its apply did: windlass run resolve run_0",
    ],
    [
      "that has lost resources",
      holder("errored", lost),
      "to be decided, since what it made is in no state and would be made again (windlass run lost run_0): windlass run resolve run_0",
    ],
  ])("waits for the holder of the workspace, one %s", (_which, other, toBe) => {
    expect(whyWaiting(facts("pending", { lock: held, holder: other, runsAhead: 2 }))).toEqual({
      reason: "earlier_run",
      detail: `waits for run run_0 ${toBe}`,
      blockingRunId: "run_0",
      queuePosition: 3,
      since: statusAt,
    });
  });

  test("waits for the person who locked the workspace, since then, with the reason if there is one", () => {
    const at = new Date("2026-02-01T00:00:00Z");
    const lockedBy = (reason: string) =>
      whyWaiting(facts("pending", { lock: { kind: "person", by: "ana", reason, at }, runsAhead: 1 }));
    expect(lockedBy("migration")).toMatchObject({
      reason: "workspace_locked",
      detail: "the workspace is locked by ana: migration",
      queuePosition: 2,
      since: at,
    });
    expect(lockedBy("")?.detail).toBe("the workspace is locked by ana");
  });

  test("waits for its turn where nobody holds the workspace, or it does itself", () => {
    const itself = { kind: "run", runId: "run_1", at: statusAt } as const;
    for (const lock of [null, itself]) {
      expect(whyWaiting(facts("pending", { lock }))).toMatchObject({
        reason: "earlier_run",
        detail: "waits for its turn in the workspace",
        blockingRunId: null,
        queuePosition: 1,
      });
    }
  });
});

describe("a planned run", () => {
  test("waits for a decision, and says what became of the last one", () => {
    expect(whyWaiting(facts("planned"))).toMatchObject({
      reason: "confirmation",
      detail: "waits for somebody to confirm or discard it",
    });
    expect(whyWaiting(facts("planned", { of: { errorMessage: "the apply did not start" } }))?.detail).toBe(
      "the apply did not start. The plan is still good: confirm it again, or discard it",
    );
  });
});

describe("a queued run", () => {
  test("without a job says nothing", () => {
    expect([whyWaiting(facts("plan_queued")), whyWaiting(facts("apply_queued"))]).toEqual([null, null]);
  });

  test("of a pool that does not grant the workspace has no place in its queue", () => {
    expect(whyWaiting(queued({ mayUsePool: false, jobsAhead: 4, agents: nobody }))).toMatchObject({
      reason: "pool_not_granted",
      detail: "pool prod does not grant the workspace: grant it, or assign another pool",
      queuePosition: 0,
    });
  });

  test.each([
    [{}, "no agent of pool prod is connected: start one"],
    [{ agents: { ...nobody, arriving: ["agent a hangs", "agent b too"] } }, /connected: agent a hangs; agent b too$/],
    [{ poolName: null }, "the server agent is not connected: the log of windlassd says why"],
    [{ poolName: null, noServerAgent: "there is none: allow it" }, "there is none: allow it"],
    // What is said of the server agent is not said of a pool.
    [{ noServerAgent: "there is none: allow it" }, "no agent of pool prod is connected: start one"],
  ])("waits for an agent where none is connected: %j", (change, detail) => {
    const waiting = whyWaiting(queued({ agents: nobody, jobsAhead: 2, ...change }));
    expect(waiting).toMatchObject({ reason: "no_agent_online", queuePosition: 3 });
    expect(waiting?.detail).toMatch(detail);
  });

  test.each([
    ["plan", "", ["vm-1 (zone=b)"], "no connected agent of pool prod takes plans: there are vm-1 (zone=b) and 1 more"],
    ["apply", "", ["vm-1 ()", "vm-2 ()"], "no connected agent of pool prod takes applies: there are vm-1 (), vm-2 ()"],
    [
      "apply",
      "zone=a",
      ["vm-1 ()", "vm-2 ()"],
      'no connected agent of pool prod matches the selector "zone=a" of the workspace and takes applies: there are vm-1 (), vm-2 ()',
    ],
  ] as const)("waits for a matching agent for its %s, selector %j", (phase, agentSelector, others, detail) => {
    const job = aJob({ status: "queued", phase });
    const waiting = whyWaiting(queued({ job, agentSelector, agents: { ...nobody, online: 2, others } }));
    expect(waiting).toMatchObject({ reason: "no_matching_agent", detail, queuePosition: 1 });
  });

  test("waits for an agent that knows its options", () => {
    const old = agents(3, { ...{ able: 0, fit: 0, open: 0, free: 0 }, options: "--exclude" });
    expect(whyWaiting(queued({ agents: { ...old, unable: ["vm-1 (0.9.0)"] } }))).toMatchObject({
      reason: "no_agent_with_option",
      detail:
        "no agent of pool prod knows --exclude, which the run asks for: vm-1 (0.9.0) and 2 more. Bring one of them to the server's version",
    });
    const all = { ...old, unable: ["a (1)", "b (2)", "c (3)"] };
    expect(whyWaiting(queued({ agents: all }))?.detail).toMatch(/: a \(1\), b \(2\), c \(3\)\. Bring/);
  });

  test("waits for an agent with its program", () => {
    const bare = agents(2, { fit: 0, open: 0, free: 0, wish: "tofu ~> 1.12" });
    const waiting = whyWaiting(queued({ agents: { ...bare, unfit: ["vm-1 has terraform 1.11.4"] } }));
    expect(waiting).toMatchObject({
      reason: "no_agent_with_engine",
      detail:
        "no agent of pool prod has tofu ~> 1.12, or may download it: vm-1 has terraform 1.11.4; and 1 more. Install it on one of them, allow a download, or change the workspace's engine: windlass workspace edit network --engine ENGINE",
    });
    const both = whyWaiting(queued({ agents: { ...bare, unfit: ["vm-1 has a", "vm-2 has b"] } }));
    expect(both?.detail).toContain("may download it: vm-1 has a; vm-2 has b. Install");
  });

  test("tells what the agents that could take it said", () => {
    const refusals = ["agent vm-1 declined: disk full", "agent vm-2 declined: too hot"];
    expect(whyWaiting(queued({ agents: agents(2, { free: 0, refusals }) }))).toMatchObject({
      reason: "agents_declined",
      detail: "agent vm-1 declined: disk full; agent vm-2 declined: too hot",
    });
    // As long as one has room, what others said does not matter.
    expect(whyWaiting(queued({ agents: agents(3, { free: 1, refusals }) }))?.reason).toBe("agents_busy");
  });

  test.each([
    [agents(2, { open: 0, free: 0 }), "agents_paused", "every agent of pool prod is paused or draining"],
    [agents(1, { free: 0 }), "agents_busy", "the only agent of pool prod is busy"],
    [agents(3, { free: 0 }), "agents_busy", "all 3 agents of pool prod are busy"],
    [agents(3, { open: 1, free: 0 }), "agents_busy", "the only agent of pool prod is busy"],
    [agents(2), "agents_busy", "waits for its turn in pool prod"],
    [agents(2, { online: 5, free: 0 }), "agents_busy", "all 2 matching agents of pool prod are busy"],
    [
      agents(3, { fit: 1, open: 0, free: 0, wish: "tofu", unfit: ["vm-2 has terraform"] }),
      "agents_paused",
      "every fit agent of pool prod is paused or draining; it asks for tofu, and vm-2 has terraform",
    ],
    [
      agents(3, { able: 2, fit: 2, open: 2, free: 0, options: "--exclude", unable: ["vm-3 (0.9.0)"] }),
      "agents_busy",
      "all 2 fit agents of pool prod are busy; it asks for --exclude, too new for vm-3 (0.9.0)",
    ],
    [
      agents(4, {
        ...{ able: 3, fit: 1, open: 1, free: 0, wish: "tofu", unfit: ["vm-2 has a", "vm-3 has b"] },
        ...{ options: "--exclude", unable: ["vm-4 (0.9.0)"] },
      }),
      "agents_busy",
      "the only fit agent of pool prod is busy; it asks for tofu, and vm-2 has a; vm-3 has b; it asks for --exclude, too new for vm-4 (0.9.0)",
    ],
  ] as const)("counts the agents that count: %j", (some, reason, detail) => {
    expect(whyWaiting(queued({ agents: some, jobsAhead: 6 }))).toMatchObject({ reason, detail, queuePosition: 7 });
  });
});

describe("a run whose job is offered", () => {
  const offered = (change: Partial<WaitingFacts>, of: Partial<Job> = {}) =>
    whyWaiting(facts("apply_queued", { job: aJob({ status: "offered", leaseUntil, ...of }), ...change }));

  test.each([
    [{}, "agent vm-1 prepares the job"],
    [{ preparing: "downloads tofu" }, "agent vm-1 prepares the job: it downloads tofu"],
    [{ wayProblem: "cannot fetch" }, "agent vm-1 prepares the job: it cannot fetch"],
    [
      { preparing: "downloads tofu", wayProblem: "cannot fetch" },
      "agent vm-1 prepares the job: it downloads tofu, and cannot fetch",
    ],
  ])("waits for its agent: %j", (change, detail) => {
    expect(offered(change)).toMatchObject({ reason: "agent_preparing", detail, queuePosition: 0 });
  });

  test("says when it goes back to the queue, if its agent is silent", () => {
    expect(offered({ agentSilentSince: silentSince, preparing: "downloads tofu" })).toMatchObject({
      reason: "agent_unreachable",
      detail:
        "agent vm-1 has been silent since 2026-03-01T10:05:06Z; the job, which it was offered, goes back to the queue at 2026-03-01T10:15:00Z",
    });
    expect(offered({ agentSilentSince: silentSince }, { leaseUntil: null, agentName: null })?.detail).toMatch(
      /^agent unknown has been .* goes back to the queue$/,
    );
  });
});

describe("a run that runs", () => {
  const cancelRequestedAt = new Date("2026-03-01T10:04:00Z");
  const running = (change: Partial<WaitingFacts> & { readonly of?: Partial<Run> }, of: Partial<Job> = {}) =>
    whyWaiting(facts("applying", { job: aJob({ status: "started", leaseUntil, ...of }), ...change }));

  test("waits for nothing as long as nothing is known to be in its way", () => {
    expect([running({}), whyWaiting(facts("planning"))]).toEqual([null, null]);
  });

  test("whose agent is silent is assumed to run, for a time", () => {
    const silence = "agent vm-1 has been silent since 2026-03-01T10:05:06Z; the job is assumed to run";
    expect(
      running({ agentSilentSince: silentSince, wayProblem: "cannot upload", delivering: "uploads" }),
    ).toMatchObject({ reason: "agent_unreachable", detail: `${silence} until 2026-03-01T10:15:00Z` });
    expect(running({ agentSilentSince: silentSince }, { leaseUntil: null })?.detail).toBe(silence);
    expect(
      running({ agentSilentSince: silentSince, of: { cancelRequestedAt, engine: "tofu" } }, { leaseUntil: null })
        ?.detail,
    ).toBe(`${silence}; it is asked to stop tofu as soon as it is back`);
  });

  test.each([
    ["a problem of the way", { wayProblem: "cannot upload" }, "way_blocked", "agent vm-1 cannot upload"],
    ["what is delivered", { delivering: "uploads a state" }, "agent_delivering", "agent vm-1 uploads a state"],
    [
      "the problem before what it holds up",
      { wayProblem: "cannot upload", delivering: "uploads a state" },
      "way_blocked",
      "agent vm-1 cannot upload",
    ],
  ] as const)("says %s", (_what, change, reason, detail) => {
    expect(running(change)).toMatchObject({ reason, detail, since: statusAt });
  });

  test.each([
    ["sent", "cancel", "terraform", "terraform_stopping", "agent vm-1 is being asked to stop terraform"],
    ["heard", "cancel", "tofu", "terraform_stopping", "agent vm-1 was asked to stop tofu"],
    ["heard", "force", "tofu", "terraform_stopping", "agent vm-1 was asked to end tofu by force"],
    [
      "waits",
      "force",
      "tofu",
      "agent_unreachable",
      "agent vm-1 is not connected: it is asked to end tofu by force as soon as it is back",
    ],
  ] as const)("and is to end says how far that got: %s, %s", (endTold, desired, engine, reason, detail) => {
    const waiting = running({ endTold, delivering: "uploads", of: { cancelRequestedAt, engine } }, { desired });
    expect(waiting).toMatchObject({ reason, detail });
    expect(waiting?.since).toEqual(reason === "terraform_stopping" ? cancelRequestedAt : statusAt);
  });

  test("names the program of its job where the run names none, and no program where nobody does", () => {
    const of = { cancelRequestedAt, engine: null };
    expect(running({ of }, { engine: "tofu" })?.detail).toBe("agent vm-1 is being asked to stop tofu");
    expect(running({ of }, { engine: null, agentName: null })?.detail).toBe(
      "agent unknown is being asked to stop the program",
    );
  });
});
