import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, plainOptions, runRow, startedBy } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Job, JobPhase } from "../../domain/runs/job.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { actorOf } from "../core/audit.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { cancelRun, confirmRun, discardRun } from "./decisions.ts";

let fixture: TestControl;
let workspace: Workspace;
let operator: Person;
const planSha256 = "a".repeat(64);

beforeEach(async () => {
  fixture = await openTestControl();
  operator = { ...fixture.as("operator"), address: "10.1.1.1" };
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** A run that has its workspace. */
async function given(change: Partial<Run>, jobs: readonly Partial<Job>[] = []): Promise<Run> {
  const run = runRow(workspace, { planSha256, statusAt: fixture.clock.now(), ...change });
  const { control, clock } = fixture;
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    for (const job of jobs) await tx.jobs.insert(jobRow(run, job));
    if (!run.options.isPlanOnly && run.status !== "pending")
      await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: clock.now() } });
  });
  return run;
}

const planned = (change: Partial<Run> = {}) => given({ status: "planned", ...change });
const onAgent = (phase: JobPhase) => ({ ...startedBy(agentRow(null)), phase, engine: "tofu" as const });
const running = (phase: JobPhase, change: Partial<Run> = {}) =>
  given({ status: phase === "plan" ? "planning" : "applying", ...change }, [onAgent(phase)]);

const confirm = (id: string, who = operator, read = planSha256) =>
  confirmRun(fixture.control, who, { id, planSha256: read, comment: "looks good" });
const discard = (id: string, who = operator) => discardRun(fixture.control, who, { id, comment: "" });
const cancel = (id: string, isForced = false, who = operator) =>
  cancelRun(fixture.control, who, { id, isForced, comment: "" });

const now = (id: RunId) => fixture.control.store.read((q) => q.runs.get(id));
const jobsOf = (id: RunId) => fixture.control.store.read((q) => q.jobs.ofRun(id));
const lock = async () => (await fixture.control.store.read((q) => q.workspaces.get(workspace.id)))?.lock;
const recordsOf = (id: RunId) =>
  fixture.control.store.read((q) => {
    const filter = { organizationId: null, action: "", actor: "", resource: id, since: null, until: null };
    return q.audit.list(filter, { before: null, limit: 10 });
  });

describe("a confirmation of a plan that a hook has denied", () => {
  const denied = () => planned({ deniedBy: "post-plan.d/cost" });

  test("is an owner's alone; the run says so, and anybody who may operate discards it", async () => {
    const { id } = await denied();
    await expect(confirm(id)).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining("the hook post-plan.d/cost has denied the plan"),
    });
    expect((await now(id))?.status).toBe("planned");
    expect((await discard(id)).run.status).toBe("discarded");
  });

  test("is recorded with what it overrides", async () => {
    const { id } = await denied();
    await confirm(id, { ...fixture.as("owner") });
    const [record] = await recordsOf(id);
    expect(record).toMatchObject({
      action: "run.confirm",
      detail: { comment: "looks good", overrides: "post-plan.d/cost" },
    });
  });
});

describe("a confirmation", () => {
  test("queues the apply, and is recorded with who said what, and from where", async () => {
    const run = await planned();
    expect((await confirm(run.id)).run).toMatchObject({
      ...{ status: "apply_queued", decidedBy: actorOf(operator), decisionComment: "looks good" },
    });
    expect(await jobsOf(run.id)).toMatchObject([{ phase: "apply", status: "queued" }]);
    expect(await recordsOf(run.id)).toMatchObject([
      {
        ...{ action: "run.confirm", actor: actorOf(operator), address: "10.1.1.1" },
        ...{ organizationId: fixture.organization.id, detail: { comment: "looks good" } },
      },
    ]);
  });

  test("is of the plan that was read: of another one it is refused, and nothing happens", async () => {
    const run = await planned();
    await expect(confirm(run.id, operator, "b".repeat(64))).rejects.toMatchObject({
      ...{ code: "plan_changed", metadata: { run_id: run.id, plan_sha256: planSha256 } },
    });
    expect([await now(run.id), await jobsOf(run.id), await recordsOf(run.id)]).toMatchObject([
      { status: "planned", decidedBy: "" },
      [],
      [],
    ]);
  });

  test("of somebody who names no plan takes the one that is there", async () => {
    expect((await confirm((await planned()).id, operator, "")).run.status).toBe("apply_queued");
  });

  test("comes once: a second one says who decided", async () => {
    const run = await planned();
    await confirm(run.id);
    await expect(confirm(run.id, fixture.as("owner"))).rejects.toMatchObject({
      ...{ code: "run_not_confirmable", metadata: { run_id: run.id, state: "apply_queued" } },
      message: expect.stringContaining(`It was decided by ${actorOf(operator)}.`),
    });
    expect(await recordsOf(run.id)).toHaveLength(1);
  });
});

describe("what is not planned is neither confirmed nor discarded", () => {
  test.each<RunStatus>([
    ...(["pending", "plan_queued", "planning", "apply_queued", "applying", "planned_and_finished"] as const),
    ...(["applied", "discarded", "errored", "canceled", "force_canceled"] as const),
  ])("%s", async (status) => {
    const run = await given({ status });
    const metadata = { run_id: run.id, state: status };
    // That the plan is another one is not what is wrong with it.
    await expect(confirm(run.id, operator, "b")).rejects.toMatchObject({ code: "run_not_confirmable", metadata });
    await expect(discard(run.id)).rejects.toMatchObject({ code: "run_not_discardable", metadata });
    expect((await now(run.id))?.status).toBe(status);
  });
});

describe("a discarded run", () => {
  test("ends, frees its workspace, and the next one gets it", async () => {
    const run = await planned();
    const next = runRow(workspace, { status: "pending", createdAt: fixture.clock.now() });
    await fixture.control.store.write((tx) => tx.runs.insert(next));
    expect((await discard(run.id)).run.status).toBe("discarded");
    expect(await lock()).toMatchObject({ kind: "run", runId: next.id });
    expect((await now(next.id))?.status).toBe("plan_queued");
    expect(await recordsOf(run.id)).toMatchObject([{ action: "run.discard", detail: {} }]);
  });
});

describe("who may decide", () => {
  test.each([
    ["reader", false, false],
    ["planner", true, false],
    ["operator", true, true],
    ["owner", true, true],
  ] as const)("a %s ends a run that only plans: %s, one that may apply: %s", async (role, mayPlan, mayApply) => {
    const who = fixture.as(role);
    for (const [isPlanOnly, may] of [[true, mayPlan] as const, [false, mayApply] as const]) {
      const options = { ...plainOptions, isPlanOnly };
      const run = await given({ status: "pending", options });
      const asked = cancel(run.id, false, who);
      if (may) expect((await asked).run.status).toBe("canceled");
      else {
        await expect(asked).rejects.toMatchObject({ code: "permission_denied" });
        expect((await now(run.id))?.status).toBe("pending");
      }
    }
  });

  test("somebody of another organization finds no run, whatever it is in", async () => {
    const stranger = fixture.as("owner", fixture.sibling);
    const run = await planned();
    for (const asked of [confirm(run.id, stranger), discard(run.id, stranger), cancel(run.id, true, stranger)])
      await expect(asked).rejects.toMatchObject({ code: "not_found", metadata: { resource: "run", name: run.id } });
  });

  test("no other credential than an API key decides", async () => {
    const run = await planned();
    const session = { kind: "agent_session", agentId: "agent_1" } as const;
    const asked = () => confirmRun(fixture.control, session, { id: run.id, planSha256, comment: "" });
    expect(asked).toThrow("this call needs an API key (wdl_usr_…), not an agent's session");
  });
});

describe("a cancellation", () => {
  test.each<RunStatus>(["pending", "planned"])("ends a run that is %s at once", async (status) => {
    const run = await given({ status });
    expect((await cancel(run.id)).run).toMatchObject({ status: "canceled", canceledBy: actorOf(operator) });
    expect(await lock()).toBeNull();
  });

  test.each([
    ["plan", "plan_queued", "queued"],
    ["plan", "plan_queued", "offered"],
    ["apply", "apply_queued", "queued"],
    ["apply", "apply_queued", "offered"],
  ] as const)("ends a %s that no agent has begun: %s, %s", async (phase, status, jobStatus) => {
    const run = await given({ status }, [{ phase, status: jobStatus }]);
    expect((await cancel(run.id)).run.status).toBe("canceled");
    expect(await jobsOf(run.id)).toMatchObject([{ status: "canceled", isLogClosed: true }]);
  });

  test.each(["plan", "apply"] as const)("asks the agent of a %s that runs", async (phase) => {
    const run = await running(phase);
    expect((await cancel(run.id)).run).toMatchObject({ status: run.status, cancelRequestedAt: fixture.clock.now() });
    expect(await jobsOf(run.id)).toMatchObject([{ status: "started", desired: "cancel" }]);
    expect((await lock())?.kind).toBe("run");
  });

  test.each<RunStatus>(["applied", "planned_and_finished", "discarded", "errored", "canceled", "force_canceled"])(
    "of a run that is %s is refused",
    async (status) => {
      const run = await given({ status });
      for (const isForced of [false, true])
        await expect(cancel(run.id, isForced)).rejects.toMatchObject({ code: "run_not_cancelable" });
      expect(await recordsOf(run.id)).toEqual([]);
    },
  );
});

describe("a forced end", () => {
  test.each([
    ["plan", 30],
    ["apply", 120],
  ] as const)("of a %s needs a cancellation, and %d seconds", async (phase, seconds) => {
    const run = await running(phase);
    const tooEarly = (left: number, message: string) => ({
      ...{ code: "force_too_early", message: expect.stringContaining(message) },
      metadata: { run_id: run.id, available_in_seconds: String(left) },
    });
    await expect(cancel(run.id, true)).rejects.toMatchObject(
      tooEarly(seconds, `cancel it without force first, and give tofu ${seconds} more seconds`),
    );
    await cancel(run.id);
    await expect(cancel(run.id, true)).rejects.toMatchObject(
      tooEarly(seconds, `yet: give tofu ${seconds} more seconds to end by itself`),
    );
    await fixture.clock.advance(seconds * 1_000 - 1);
    await expect(cancel(run.id, true)).rejects.toMatchObject(tooEarly(1, "1 more seconds"));
    expect(await jobsOf(run.id)).toMatchObject([{ desired: "cancel" }]);
    await fixture.clock.advance(1);
    await cancel(run.id, true);
    expect(await jobsOf(run.id)).toMatchObject([{ desired: "force" }]);
    expect((await recordsOf(run.id)).map(({ action }) => action)).toEqual(["run.force_cancel", "run.cancel"]);
  });

  test("counts from the first cancellation", async () => {
    const run = await running("plan");
    await cancel(run.id);
    await fixture.clock.advance(20_000);
    await cancel(run.id, false, fixture.as("owner"));
    await fixture.clock.advance(10_000);
    await cancel(run.id, true);
    expect(await jobsOf(run.id)).toMatchObject([{ desired: "force" }]);
  });

  test("of what no agent runs needs nothing before it", async () => {
    const run = await given({ status: "plan_queued" }, [{ phase: "plan", status: "queued" }]);
    expect((await cancel(run.id, true)).run.status).toBe("force_canceled");
  });
});
