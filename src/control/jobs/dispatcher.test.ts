import { afterEach, beforeEach, expect, test } from "vitest";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Job } from "../../domain/runs/job.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId, type PoolId } from "../../lib/words/ids.ts";
import { createPool } from "../agents/pools.ts";
import { retryRun } from "../runs/retry.ts";
import { createRun } from "../runs/runs.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { dispatchOnce } from "./dispatcher.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n));

/** A workspace, and a way to queue plan-only jobs of it. */
async function tenant(organization: string, name: string, settings: Parameters<typeof newWorkspace>[1] = {}) {
  const { control, admin } = fixture;
  const { workspace } = await createWorkspace(control, admin, newWorkspace(name, settings, { organization }));
  const run = await insertRun(workspace);
  const queue = (count: number, from = 0) =>
    control.store.write(async (tx) => {
      for (let n = 0; n < count; n += 1)
        await tx.jobs.insert(jobRow(run, { poolId: workspace.poolId, rank: 2, queuedAt: second(from + n) }));
    });
  return { workspace, queue };
}

async function insertRun(workspace: Workspace, over: Parameters<typeof runRow>[1] = {}) {
  const configurationId = newId("cv", systemRandom);
  const run = runRow(workspace, { configurationId, status: "plan_queued", ...over });
  const { organizationId, id: workspaceId } = workspace;
  await fixture.control.store.write(async (tx) => {
    const facts = {
      blobKey: "00",
      bytes: 1,
      sha256: "00",
      ...plainConfiguration,
      fileCount: 1,
      createdBy: "ana",
      createdAt: second(0),
    };
    await tx.configurations.insert({ id: configurationId, organizationId, workspaceId, ...facts });
    await tx.runs.insert(run);
  });
  return run;
}

/** An agent with one place, the server's own unless it has a pool: each job that it gets ends at once. */
function enterAgent(poolId: PoolId | null = null): { readonly jobs: Job[] } {
  const jobs: Job[] = [];
  const { connected } = fakeConnectedAgent({ agentId: newId("agent", systemRandom), name: "vm-1", poolId });
  const offer = async (job: Job) => {
    jobs.push(job);
    await fixture.control.store.write((tx) => tx.jobs.save({ ...job, status: "finished" }));
  };
  fixture.control.presence.enter({ ...connected, offer });
  return { jobs };
}

test("jobs of a pool without agents, however many and old, hold nobody else back", async () => {
  await createPool(fixture.control, fixture.as("owner"), newPool("empty"));
  const flood = await tenant("acme", "flood", { executionMode: "agent", pool: "empty" });
  await flood.queue(10_050);
  const other = await tenant("rival", "net");
  await other.queue(1, 20_000);
  const { jobs } = enterAgent();
  expect(await dispatchOnce(fixture.control)).toBe(1);
  expect(jobs.map((job) => job.workspaceId)).toEqual([other.workspace.id]);
});

test("jobs whose labels nobody has hold back no other workspace of the same organization", async () => {
  const { pool } = await createPool(fixture.control, fixture.as("owner"), newPool("prod"));
  const ofPool = { executionMode: "agent", pool: "prod" } as const;
  const picky = await tenant("acme", "picky", { ...ofPool, agentSelector: "gpu" });
  await picky.queue(600);
  const other = await tenant("acme", "net", ofPool);
  await other.queue(1, 20_000);
  const { jobs } = enterAgent(pool.id);
  expect(await dispatchOnce(fixture.control)).toBe(1);
  expect(jobs.map((job) => job.workspaceId)).toEqual([other.workspace.id]);
});

test("with one place, an organization with 520 old jobs leaves every second turn to another", async () => {
  const many = await tenant("acme", "many");
  await many.queue(520);
  const few = await tenant("rival", "few");
  await few.queue(2, 20_000);
  const { jobs } = enterAgent();
  for (let turn = 0; turn < 5; turn += 1) await dispatchOnce(fixture.control);
  const [a, b] = [fixture.organization.id, fixture.sibling.id];
  expect(jobs.map((job) => job.organizationId)).toEqual([a, b, a, b, a]);
});

test("a job that cannot be offered holds up no other one, goes back, and is tried again later", async () => {
  const { control, clock } = fixture;
  const broken = await tenant("acme", "broken");
  await broken.queue(1);
  const other = await tenant("rival", "net");
  await other.queue(1, 20_000);
  const offered: string[] = [];
  const released: string[] = [];
  for (const name of ["vm-1", "vm-2"]) {
    const { connected } = fakeConnectedAgent({ agentId: newId("agent", systemRandom), name, poolId: null });
    const offer = async (job: Job) => {
      if (job.workspaceId === broken.workspace.id) throw new Error("its specification cannot be read");
      offered.push(job.workspaceId);
    };
    control.presence.enter({ ...connected, offer, release: (id) => void released.push(id) });
  }
  const aside = new Map();
  expect(await dispatchOnce(control, aside)).toBe(1);
  expect(offered).toEqual([other.workspace.id]);
  const [job] = await control.store.read((q) => q.jobs.queuedOfWorkspace(broken.workspace.id));
  expect(job).toMatchObject({ status: "queued", agentId: null, leaseUntil: null });
  expect(released).toEqual([job?.id]);
  expect([await dispatchOnce(control, aside), released.length]).toEqual([0, 1]);
  await clock.advance(60_000);
  expect([await dispatchOnce(control, aside), released.length]).toEqual([0, 2]);
});

test("a workspace has a limit of runs that have not ended, for new ones and for retries", async () => {
  await fixture[Symbol.asyncDispose]();
  fixture = await openTestControl({ limits: { maxQueuedRuns: 2 } });
  const { control, as } = fixture;
  const { workspace } = await tenant("acme", "net");
  const [ended, other] = [await insertRun(workspace, { status: "applied" }), await tenant("acme", "other")];
  const options = { ...ended.options, isPlanOnly: true };
  const wish = { configurationId: "", options, message: "" };
  const create = (name: string, requestId = "") =>
    createRun(control, as("operator"), { ...wish, workspace: ref(name), requestId });
  await create("net");
  const refusal = { code: "quota_exceeded", metadata: { limit: "2" } };
  await expect(create("net")).rejects.toMatchObject(refusal);
  const retry = { id: ended.id, message: "", requestId: "", source: "cli" } as const;
  await expect(retryRun(control, as("operator"), retry)).rejects.toMatchObject(refusal);
  await create(other.workspace.name);
});
