import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent } from "../../../test/support/fake-agent.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId, type RunId } from "../../lib/words/ids.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { cancelRun, confirmRun, discardRun } from "./decisions.ts";
import { followLog } from "./logs.ts";
import { createRun, getRun } from "./runs.ts";

let fixture: TestControl;
let agent: FakeAgent;
const planSha256 = "a".repeat(64);

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as } = fixture;
  const { pool } = await createPool(control, as("owner"), newPool("prod"));
  const created = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 0 });
  const token: Principal = {
    kind: "agent_token",
    ...{ id: created.token.id, poolId: pool.id, organizationId: pool.organizationId },
  };
  await createWorkspace(control, as("owner"), newWorkspace("net", { executionMode: "agent", pool: "prod" }));
  agent = await FakeAgent.connect(control, token);
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

const jobsOf = (id: RunId, phase: Job["phase"]) =>
  fixture.control.store.read(async (q) => (await q.jobs.ofRun(id)).filter((job) => job.phase === phase));

/** Offers the job of a phase that is queued, and lets the agent start it. */
async function started(id: RunId, phase: Job["phase"]): Promise<Job> {
  await dispatchOnce(fixture.control);
  await agent.next("offer");
  const job = (await jobsOf(id, phase)).find(({ status }) => status === "offered");
  if (job === undefined) throw new Error(`a ${phase} was offered`);
  expect(await agent.start(job)).toMatchObject({ granted: true });
  return job;
}

/** A run whose plan is there, and waits for a person or, with `isAutoApply`, for an agent. */
async function planned(isAutoApply = false): Promise<RunId> {
  const { control, as, organization, clock } = fixture;
  const configurationId = newId("cv", systemRandom);
  await control.store.write(async (tx) => {
    const workspace = await tx.workspaces.byName(organization.id, "net");
    if (workspace === undefined) throw new Error("the workspace is there");
    await tx.configurations.insert({
      ...{ id: configurationId, organizationId: organization.id, workspaceId: workspace.id, blobKey: "00" },
      ...{ bytes: 1, sha256: "00", ...plainConfiguration, fileCount: 1, createdBy: "ana", createdAt: clock.now() },
    });
  });
  const options = {
    ...{ isPlanOnly: false, isAutoApply, isDestroy: false, skipsRefresh: false, isRefreshOnly: false },
    ...{ targets: [], replacements: [], variables: [], engineVersion: "", allowsEmptyApply: false, parallelism: 0 },
  };
  const wanted = { workspace: ref("net"), configurationId, options, message: "", requestId: "" };
  const { id } = (await createRun(control, as("operator"), wanted)).run;
  const plan = await started(id, "plan");
  await control.store.write(async (tx) => {
    const run = await tx.runs.get(id);
    if (run !== undefined) await tx.runs.save({ ...run, planSha256, planBytes: 1, planBlobKey: "00" });
  });
  await agent.report(plan, "", { hasChanges: true, planSha256 });
  return id;
}

const confirm = (id: RunId) =>
  confirmRun(fixture.control, fixture.as("operator"), { id, planSha256, comment: "CHG-118" });

const view = (id: RunId) => getRun(fixture.control, fixture.as("reader"), id);

const holder = async () => {
  const { store } = fixture.control;
  const lock = (await store.read((q) => q.workspaces.byName(fixture.organization.id, "net")))?.lock;
  return lock?.kind === "run" ? lock.runId : undefined;
};

const failed = { outcome: JobOutcome.ERRORED, errorMessage: "terraform init failed", applyNotStarted: true } as const;

/** The apply of a confirmed plan, reported as one that did not come to terraform apply. */
async function notStarted(id: RunId, log = "", over: Partial<Parameters<FakeAgent["report"]>[2]> = {}): Promise<Job> {
  await confirm(id);
  const job = await started(id, "apply");
  if (log !== "") await agent.log(job, 0, log);
  await agent.report(job, log, { ...failed, ...over });
  return job;
}

async function logOf(id: RunId): Promise<{ readonly text: string; readonly epochs: readonly number[] }> {
  const { signal } = new AbortController();
  const wanted = { runId: id, phase: "apply", offset: 0, follows: false, signal } as const;
  const pieces = await Array.fromAsync(followLog(fixture.control, fixture.as("reader"), wanted));
  return {
    text: Buffer.concat(pieces.map(({ bytes }) => bytes)).toString(),
    epochs: [...new Set(pieces.map(({ epoch }) => epoch))],
  };
}

describe("a confirmed plan whose apply did not come to terraform apply", () => {
  test("waits again with its workspace, and says why", async () => {
    const id = await planned();
    await notStarted(id);
    const { run, waiting, apply } = await view(id);
    const why = "the apply did not start, and nothing was changed: terraform init failed";
    expect(run).toMatchObject({ status: "planned", errorMessage: why, planSha256, decidedBy: "", endedAt: null });
    expect(waiting).toMatchObject({
      reason: "confirmation",
      detail: `${why}. The plan is still good: confirm it again, or discard it`,
    });
    expect(apply).toMatchObject({ status: "errored" });
    expect(await holder()).toBe(id);
    const page = { after: 0, limit: 100 };
    const events = await fixture.control.store.read((q) => q.runEvents.list(id, page));
    expect(events.at(-1)).toMatchObject({
      ...{ actor: "vm-1", status: "planned", comment: "terraform init failed" },
      title: "the apply did not start: nothing was changed; the plan waits to be confirmed again",
    });
  });

  test("is applied by another job once it is confirmed again, whose log begins anew", async () => {
    const id = await planned();
    const first = await notStarted(id, "init failed\n");
    expect(await logOf(id)).toEqual({ text: "init failed\n", epochs: [first.epoch] });
    await confirm(id);
    const second = await started(id, "apply");
    expect(second.id).not.toBe(first.id);
    expect(second.epoch).toBeGreaterThan(first.epoch);
    expect((await view(id)).run).toMatchObject({ status: "applying", errorMessage: "" });
    await agent.log(second, 0, "applied\n");
    await agent.report(second, "applied\n");
    expect((await view(id)).run).toMatchObject({ status: "applied", errorMessage: "" });
    expect((await view(id)).apply).toMatchObject({ id: second.id, status: "finished" });
    expect(await logOf(id)).toEqual({ text: "applied\n", epochs: [second.epoch] });
    expect(await holder()).toBeUndefined();
  });

  test("can fail again, be discarded, and then frees its workspace", async () => {
    const id = await planned();
    await notStarted(id);
    await notStarted(id);
    expect(await jobsOf(id, "apply")).toHaveLength(2);
    await discardRun(fixture.control, fixture.as("operator"), { id, comment: "" });
    expect((await view(id)).run.status).toBe("discarded");
    expect(await holder()).toBeUndefined();
  });

  test("ends its second job when it is canceled", async () => {
    const id = await planned();
    await notStarted(id);
    await confirm(id);
    const second = await started(id, "apply");
    await cancelRun(fixture.control, fixture.as("operator"), { id, isForced: false, comment: "" });
    expect(await agent.next("jobCommand")).toMatchObject({ claim: { jobId: second.id } });
    await agent.report(second, "", { outcome: JobOutcome.CANCELED, applyNotStarted: true });
    expect((await view(id)).run.status).toBe("canceled");
    expect(await holder()).toBeUndefined();
  });

  test("ends canceled when it failed while it was asked to end", async () => {
    const id = await planned();
    await confirm(id);
    const job = await started(id, "apply");
    await cancelRun(fixture.control, fixture.as("operator"), { id, isForced: false, comment: "" });
    await agent.report(job, "", failed);
    expect((await view(id)).run.status).toBe("canceled");
    expect(await holder()).toBeUndefined();
  });
});

describe("an apply that did not start", () => {
  test("ends an automatic run in error: nobody has looked at its plan", async () => {
    const id = await planned(true);
    const job = await started(id, "apply");
    await agent.report(job, "", failed);
    expect((await view(id)).run).toMatchObject({
      status: "errored",
      errorMessage: "the apply did not start, and nothing was changed: terraform init failed",
    });
    expect(await holder()).toBeUndefined();
  });

  test("is not believed when the agent of an older version does not say so", async () => {
    const id = await planned();
    await notStarted(id, "", { applyNotStarted: false });
    expect((await view(id)).run).toMatchObject({ status: "errored", errorMessage: "terraform init failed" });
  });

  test.each([
    ["resources in flight", { resourcesInFlight: ["a.b"] }],
    ["changes", { counts: { add: 1, change: 0, destroy: 0, import: 0 } }],
  ])("is not believed beside %s", async (_what, traces) => {
    const id = await planned();
    await notStarted(id, "", traces as Parameters<FakeAgent["report"]>[2]);
    expect((await view(id)).run.status).toBe("errored");
  });
});
