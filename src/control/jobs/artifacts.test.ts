import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import * as rows from "../../../test/support/store/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job, JobStatus } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import { newId } from "../../lib/words/ids.ts";
import { createPool } from "../agents/pools.ts";
import type { Control } from "../core/control.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import { revokeWorkspaces } from "../workspaces/grants.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import {
  admitPlan,
  configurationOfJob,
  isPlanKnown,
  isSummaryKnown,
  planFilesOfJob,
  planOfJob,
  stateOfJob,
  storeLateSummary,
  storePlan,
  type UploadedPlan,
} from "./artifacts.ts";
import { knownState, storeState } from "./states.ts";

let fixture: TestControl;
let control: Control;
let run: Run;
const archive = Buffer.from("the archive of the configuration");
const planBytes = Buffer.alloc(300_000, "a plan ");
const pieces = async function* () {
  yield archive;
};
const stateText = (serial: number) => JSON.stringify({ version: 4, serial, lineage: "l", outputs: {}, resources: [] });

/** A run with everything that jobs may ask for, in a workspace whose pool grants it. */
beforeEach(async () => {
  fixture = await openTestControl();
  ({ control } = fixture);
  const { as, organization, clock } = fixture;
  const { pool } = await createPool(
    control,
    as("owner"),
    newPool("prod", { isOrganizationScoped: false, grants: ["net"] }),
  );
  const settings = { executionMode: "agent", pool: "prod" } as const;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net", settings));
  const own = { organizationId: organization.id, workspaceId: workspace.id };
  const state = rows.state({
    ...own,
    id: newId("sv", control.random),
    runId: null,
    jobId: null,
    serial: 3,
    lineage: "l",
  });
  const stored = await control.blobs.put(pieces(), { maxBytes: 1_000 });
  const configuration = rows.configuration({ ...own, id: newId("cv", control.random), blobKey: stored.key });
  const blobKey = await storeSealed(control, Buffer.from(stateText(3)), `state/${state.id}`);
  run = runRow(workspace, { status: "planning", configurationId: configuration.id });
  const planBlobKey = await storeSealed(control, planBytes, `plan/${run.id}`);
  run = { ...run, planBlobKey, planSha256: sha256(planBytes), planBytes: planBytes.length };
  await control.store.write(async (tx) => {
    await tx.configurations.insert(configuration);
    await tx.states.insert({ ...state, blobKey });
    await tx.runs.insert(run);
    const lock = { kind: "run", runId: run.id, at: clock.now() } as const;
    await tx.workspaces.save({ ...workspace, currentStateId: state.id, lock, poolId: pool.id });
  });
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function given(change: Partial<Job> = {}): Promise<{ readonly job: Job; readonly who: Principal }> {
  const workspace = await control.store.read((q) => q.workspaces.get(run.workspaceId));
  const claimed = { status: "started", epoch: 2, attempt: 1, startedAt: control.clock.now() } as const;
  const job = jobRow(run, { ...claimed, ...change, poolId: workspace?.poolId ?? null });
  await control.store.write((tx) => tx.jobs.insert(job));
  return { job, who: { kind: "job", jobId: job.id, epoch: 2 } };
}
const apply = (change: Partial<Job> = {}) => given({ phase: "apply", ...change });
const read = async (pieces: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(pieces));
const downloads = {
  configuration: (who: Principal, from?: number) => read(configurationOfJob(control, who, from)),
  plan: (who: Principal, from?: number) => read(planOfJob(control, who, from)),
  "plan files": (who: Principal, from?: number) => read(planFilesOfJob(control, who, from)),
  state: (who: Principal, from?: number) => read(stateOfJob(control, who, from)),
};
const allDownloads = Object.entries(downloads);

describe("what a job is given", () => {
  test("its configuration and the state of its workspace, from any byte on", async () => {
    const { who } = await given();
    for (const from of [0, 4, archive.length]) {
      expect((await downloads.configuration(who, from)).toString()).toBe(archive.subarray(from).toString());
      expect((await downloads.state(who, from)).toString()).toBe(stateText(3).slice(from));
    }
  });

  test("an apply its plan, from any byte on, and a plan none", async () => {
    const { who } = await apply();
    for (const from of [0, 1, 70_000, planBytes.length - 1])
      expect((await downloads.plan(who, from)).equals(planBytes.subarray(from))).toBe(true);
    const plan = await given();
    await expect(downloads.plan(plan.who)).rejects.toMatchObject({ code: "not_found", metadata: { resource: "plan" } });
    await expect(downloads["plan files"](who)).rejects.toMatchObject({ metadata: { resource: "plan files" } });
  });

  test("nothing, where there is no state yet, or no plan", async () => {
    const { who } = await apply();
    await control.store.write(async (tx) => {
      const workspace = await tx.workspaces.get(run.workspaceId);
      if (workspace !== undefined) await tx.workspaces.save({ ...workspace, currentStateId: null });
      await tx.runs.save({ ...run, planBlobKey: null });
    });
    expect(await downloads.state(who)).toHaveLength(0);
    await expect(downloads.plan(who)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("who is given anything", () => {
  test.each(allDownloads)("the %s: no other credential than a job's token", async (_what, download) => {
    for (const who of [
      fixture.admin,
      fixture.as("owner"),
      { kind: "agent_session", agentId: "agent_1" },
      { kind: "server_agent" },
    ] as const)
      await expect(download(who)).rejects.toMatchObject({
        ...{ code: "permission_denied", message: "this call needs a job token (wdl_job_…)" },
      });
  });

  test.each(allDownloads)("the %s: no claim that is over, nor one that was never there", async (_what, download) => {
    const { job } = await apply();
    for (const epoch of [1, 3]) {
      await expect(download({ kind: "job", jobId: job.id, epoch })).rejects.toMatchObject({
        ...{ code: "job_epoch_stale", metadata: { job_id: job.id, epoch: String(epoch) } },
      });
    }
    const jobId = newId("job", control.random);
    await expect(download({ kind: "job", jobId, epoch: 1 })).rejects.toMatchObject({ code: "job_epoch_stale" });
  });

  test.each<JobStatus>(["finished", "errored", "canceled", "interrupted"])("nobody whose job is %s", async (status) => {
    const { who } = await apply({ status });
    for (const [, download] of allDownloads)
      await expect(download(who)).rejects.toMatchObject({ code: "job_epoch_stale" });
  });

  test("who was offered a job only as long as the pool grants its workspace; who has started goes on", async () => {
    const offered = await apply({ status: "offered", startedAt: null });
    const started = await apply();
    expect(await downloads.configuration(offered.who)).toEqual(archive);
    await revokeWorkspaces(control, fixture.as("owner"), { pool: ref("prod"), workspaces: ["net"] });
    for (const download of [downloads.configuration, downloads.plan, downloads.state])
      await expect(download(offered.who)).rejects.toMatchObject({
        ...{ code: "permission_denied", message: expect.stringContaining("no longer grants its workspace") },
      });
    expect(await downloads.configuration(started.who)).toEqual(archive);
  });
});

describe("a plan that is uploaded", () => {
  const noDocuments = { planJson: new Uint8Array(), redactedJson: new Uint8Array() };
  const uploaded = (change: Partial<UploadedPlan> = {}): UploadedPlan => ({
    ...{
      plan: Buffer.from("plan"),
      planSha256: sha256("plan"),
      summary: Buffer.from("{}"),
      files: undefined,
      documents: noDocuments,
    },
    ...{ engine: "tofu", engineVersion: "1.12.6", lockFile: Buffer.from("provider {}"), ...change },
  });
  const stored = () => control.store.read((q) => q.runs.get(run.id));

  test("is kept encrypted, with the program that made it and its lock file", async () => {
    const { who } = await given();
    await storePlan(control, who, uploaded());
    const row = await stored();
    expect(row).toMatchObject({
      ...{
        planSha256: sha256("plan"),
        planBytes: 4,
        engine: "tofu",
        engineVersion: "1.12.6",
        planLockFile: "provider {}",
      },
    });
    const sealed = await read(control.blobs.get(row?.planBlobKey ?? ""));
    expect(sealed.includes("plan")).toBe(false);
  });

  test("of an older agent is of the workspace's program, and has no lock file", async () => {
    const { who } = await given();
    await storePlan(control, who, uploaded({ engine: null, engineVersion: "", lockFile: new Uint8Array() }));
    expect(await stored()).toMatchObject({ engine: "terraform", engineVersion: "", planLockFile: null });
  });

  test("with other bytes than were announced is refused, and what is there stays", async () => {
    const { who } = await given();
    await expect(storePlan(control, who, uploaded({ planSha256: sha256("other") }))).rejects.toMatchObject({
      ...{ code: "checksum_mismatch", message: expect.stringContaining(`but ${sha256("other")} was announced`) },
    });
    expect(await stored()).toMatchObject({ planSha256: run.planSha256, planBlobKey: run.planBlobKey });
  });

  test("a second time changes nothing", async () => {
    const { who } = await given();
    await storePlan(control, who, uploaded());
    const first = await stored();
    await fixture.clock.advance(1_000);
    await storePlan(control, who, uploaded());
    expect(await stored()).toEqual(first);
  });

  test("is known by its digest and by that of its files", async () => {
    const { who } = await given();
    const known = (planSha256: string, filesSha256: string) => isPlanKnown(control, who, { planSha256, filesSha256 });
    expect(await known(sha256("plan"), "")).toBe(false);
    await storePlan(control, who, uploaded());
    expect([await known(sha256("plan"), ""), await known(sha256("plan"), sha256("files"))]).toEqual([true, false]);
    await control.store.write(async (tx) => {
      const row = await tx.runs.get(run.id);
      if (row !== undefined) await tx.runs.save({ ...row, planFilesSha256: sha256("files") });
    });
    expect([await known(sha256("plan"), ""), await known(sha256("plan"), sha256("files"))]).toEqual([false, true]);
  });

  test("with a summary that cannot be shown is as good as any other", async () => {
    const { who } = await given();
    await storePlan(control, who, uploaded({ summary: Buffer.from("{ broken") }));
    expect(await stored()).toMatchObject({ planSha256: sha256("plan"), summaryBlobKey: expect.any(String) });
  });

  test.each([
    ["an apply", { phase: "apply" }],
    ["a plan that was only offered", { status: "offered", startedAt: null }],
  ] as const)("is refused from %s, before any of it is taken and after", async (_whom, change) => {
    const { job, who } = await given(change);
    const refusal = {
      code: "permission_denied",
      message: `job ${job.id} is a ${job.phase} that is ${job.status}: only a started plan uploads a plan`,
    };
    await expect(admitPlan(control, who)).rejects.toMatchObject(refusal);
    await expect(storePlan(control, who, uploaded())).rejects.toMatchObject(refusal);
    await expect(isPlanKnown(control, who, { planSha256: "", filesSha256: "" })).rejects.toMatchObject(refusal);
  });

  test("is refused once the plan has ended", async () => {
    const { who } = await given({ status: "finished" });
    await expect(storePlan(control, who, uploaded())).rejects.toMatchObject({ code: "job_epoch_stale" });
  });
});

describe("a summary that follows its plan", () => {
  const documents = { planJson: Buffer.from("packed"), redactedJson: new Uint8Array() };
  const late = { planSha256: sha256("plan"), summary: Buffer.from("{}"), documents };
  const plan: UploadedPlan = {
    ...{ plan: Buffer.from("plan"), planSha256: sha256("plan"), files: undefined, summary: undefined, documents },
    ...{ engine: "terraform", engineVersion: "1.12.6", lockFile: new Uint8Array() },
  };
  const stored = () => control.store.read((q) => q.runs.get(run.id));
  const change = (row: Partial<Run>) =>
    control.store.write(async (tx) => tx.runs.save({ ...((await tx.runs.get(run.id)) ?? run), ...row }));
  beforeEach(() => change({ planSha256: null, options: { ...run.options, isAutoApply: true } }));

  test("is taken while the plan runs, and once when it has ended; then its token is spent", async () => {
    const { job, who } = await given();
    const ended: Job = { ...job, status: "finished", endedAt: control.clock.now(), isLogClosed: true };
    await storePlan(control, who, plan);
    expect(await stored()).toMatchObject({ planSha256: sha256("plan"), summaryBlobKey: null });
    await control.store.write((tx) => tx.jobs.saveIf(ended, { epoch: 2, status: "started" }));
    await admitPlan(control, who);
    expect(await isSummaryKnown(control, who, late.planSha256)).toBe(false);
    await expect(storeLateSummary(control, who, { ...late, planSha256: sha256("other") })).rejects.toMatchObject({
      code: "checksum_mismatch",
    });
    await storeLateSummary(control, who, late);
    expect(await stored()).toMatchObject({ summaryBlobKey: expect.any(String), planJsonBlobKey: expect.any(String) });
    for (const again of [storeLateSummary(control, who, late), admitPlan(control, who)])
      await expect(again).rejects.toMatchObject({ code: "job_epoch_stale" });
  });

  test("is refused of a plan at which somebody may look before it is applied, and without its plan", async () => {
    const { who } = await given();
    await expect(storeLateSummary(control, who, late)).rejects.toMatchObject({ code: "checksum_mismatch" });
    await change({ options: { ...run.options, isAutoApply: false } });
    await expect(storePlan(control, who, plan)).rejects.toMatchObject({ code: "validation" });
  });

  test("may come with the plan again", async () => {
    const { who } = await given();
    await storePlan(control, who, plan);
    await storePlan(control, who, { ...plan, summary: late.summary });
    expect(await stored()).toMatchObject({ summaryBlobKey: expect.any(String) });
  });
});

describe("a state that is uploaded", () => {
  const uploaded = (serial: number, announced: { readonly serial?: number; readonly lineage?: string } = {}) => {
    const bytes = Buffer.from(stateText(serial));
    return { bytes, lineage: "l", serial, sha256: sha256(bytes), ...announced };
  };
  /** Of both kinds. */
  const count = async () => {
    const page = { before: null, limit: 50 };
    const kinds = [true, false].map((isQuarantined) =>
      control.store.read((q) => q.states.list(run.workspaceId, { isQuarantined }, page)),
    );
    return (await Promise.all(kinds)).flat().length;
  };

  test("is what was announced, or is refused", async () => {
    const { who } = await apply();
    await expect(storeState(control, who, { ...uploaded(4), sha256: sha256("x") })).rejects.toMatchObject({
      code: "checksum_mismatch",
    });
    for (const announced of [{ serial: 5 }, { lineage: "m" }])
      await expect(storeState(control, who, uploaded(4, announced))).rejects.toMatchObject({
        ...{ code: "checksum_mismatch", message: expect.stringContaining("lineage l and serial 4, but") },
      });
    expect(await count()).toBe(1);
  });

  test("is known once it is there: then it need not come again, but may turn out to be the last word", async () => {
    const { who } = await apply();
    const { sha256: digest } = uploaded(4);
    const known = (isFinal: boolean) => knownState(control, who, { sha256: digest, sequence: 1, isFinal });
    expect(await known(true)).toBeUndefined();
    const state = await storeState(control, who, { ...uploaded(4), sequence: 1 });
    expect(await known(false)).toMatchObject({ id: state.id, isFinal: false });
    expect(await known(true)).toMatchObject({ id: state.id, isFinal: true });
    // A last word stays one.
    expect(await known(false)).toMatchObject({ isFinal: true });
    expect(await storeState(control, who, { ...uploaded(4), sequence: 1 })).toMatchObject({
      id: state.id,
      isFinal: true,
    });
    expect(await count()).toBe(2);
  });

  test.each([
    ["a plan", { phase: "plan" }, "permission_denied"],
    ["an apply that has not started", { phase: "apply", status: "offered", startedAt: null }, "permission_denied"],
    ["an apply whose result is sealed", { phase: "apply", status: "finished", isLogClosed: true }, "job_epoch_stale"],
  ] as const)("is refused from %s", async (_whom, change, code) => {
    const { who } = await given(change);
    await expect(storeState(control, who, uploaded(4))).rejects.toMatchObject({ code });
    await expect(knownState(control, who, { sha256: uploaded(4).sha256 })).rejects.toMatchObject({ code });
    expect(await count()).toBe(1);
  });

  test("is taken from an apply that was given up and may still tell what it did", async () => {
    const { who } = await apply({ status: "interrupted", isLogClosed: false });
    expect(await storeState(control, who, uploaded(4))).toMatchObject({ status: "current", serial: 4 });
  });
});
