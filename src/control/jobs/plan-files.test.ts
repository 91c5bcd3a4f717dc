import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { uploadedFiles } from "../../../test/support/plan-files.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { change } from "../core/change.ts";
import { advanceRun } from "../runs/advance.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { planFilesOfJob, storePlan, type UploadedPlan } from "./artifacts.ts";
import { jobSpecOf } from "./spec.ts";

let fixture: TestControl;
let run: Run;
let job: Job;
let who: Principal;

beforeEach(async () => {
  fixture = await openTestControl({ limits: { maxPlanFilesBytes: 1_000_000 } });
  const { control, as } = fixture;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  const configuration = newId("cv", systemRandom);
  run = runRow(workspace, { status: "planning", configurationId: configuration });
  job = jobRow(run, { status: "started", epoch: 1, attempt: 1 });
  who = { kind: "job", jobId: job.id, epoch: 1 };
  await control.store.write(async (tx) => {
    await tx.configurations.insert({
      ...{ id: configuration, organizationId: run.organizationId, workspaceId: workspace.id, blobKey: "00", bytes: 1 },
      ...{ sha256: sha256("x"), ...plainConfiguration, fileCount: 1, createdBy: "ana", createdAt: control.clock.now() },
    });
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** More than one sealed piece. */
const made = Buffer.alloc(700_001, "made while planning ");
const plan = (files: UploadedPlan["files"] = uploadedFiles(made)): UploadedPlan => ({
  ...{ plan: Buffer.from("plan"), planSha256: sha256("plan"), summary: Buffer.from("{}"), files },
  documents: { planJson: new Uint8Array(), redactedJson: new Uint8Array() },
  ...{ engine: "tofu", engineVersion: "1.12.6", lockFile: Buffer.from("provider {}") },
});
const noFiles: UploadedPlan = { ...plan(), files: undefined };
const stored = async (): Promise<Run> => (await fixture.control.store.read((q) => q.runs.get(run.id))) ?? run;
const keys = async () => (await Array.fromAsync(fixture.control.blobs.list())).map(({ key }) => key);
const spec = async () => fixture.control.store.read((q) => jobSpecOf(fixture.control, q, job));

/** Makes the job an apply of the run. */
async function applies(): Promise<void> {
  job = { ...job, phase: "apply" };
  await fixture.control.store.write(async (tx) => void (await tx.jobs.saveIf(job, { epoch: 1, status: "started" })));
}

describe("files that a plan made", () => {
  test("come back to the apply of its run as they were, and lie encrypted until then", async () => {
    await storePlan(fixture.control, who, plan());
    const { planFilesBlobKey, ...row } = await stored();
    expect(row).toMatchObject({ planFilesSha256: sha256(made), planFilesBytes: made.length });
    const sealed = Buffer.concat(await Array.fromAsync(fixture.control.blobs.get(planFilesBlobKey ?? "")));
    expect(sealed.includes("made while planning")).toBe(false);
    await applies();
    expect((await spec()).planFiles).toEqual({ sizeBytes: BigInt(made.length), sha256: sha256(made) });
    const got = Buffer.concat(await Array.fromAsync(planFilesOfJob(fixture.control, who)));
    expect(got.equals(made)).toBe(true);
  });

  test("a plan is told how much of them is taken; one that nobody applies, or a server that takes none, says nothing", async () => {
    expect((await spec()).planFiles).toEqual({ sizeBytes: 1_000_000n });
    const { control } = fixture;
    const none = { ...control, limits: { ...control.limits, maxPlanFilesBytes: 0 } };
    expect((await control.store.read((q) => jobSpecOf(none, q, job))).planFiles).toBeUndefined();
    await control.store.write((tx) => tx.runs.save({ ...run, options: { ...run.options, isPlanOnly: true } }));
    expect((await spec()).planFiles).toBeUndefined();
  });

  test("of a plan are not given to a plan, and a run without them has none", async () => {
    await storePlan(fixture.control, who, noFiles);
    await expect(Array.fromAsync(planFilesOfJob(fixture.control, who))).rejects.toMatchObject({ code: "not_found" });
    await applies();
    expect((await spec()).planFiles).toBeUndefined();
    await expect(Array.fromAsync(planFilesOfJob(fixture.control, who))).rejects.toMatchObject({ code: "not_found" });
  });

  test("that are not as announced are refused, and nothing of them is kept", async () => {
    const lies = [
      uploadedFiles(made, { sha256: sha256("other") }),
      uploadedFiles(made, { sizeBytes: made.length - 1 }),
      uploadedFiles(made, { sizeBytes: made.length + 1 }),
    ];
    for (const files of lies) {
      await expect(storePlan(fixture.control, who, plan(files))).rejects.toMatchObject({ code: "checksum_mismatch" });
    }
    expect(await stored()).toMatchObject({ planSha256: null, planFilesSha256: null });
  });

  test("uploaded again change nothing; those of another attempt take their place, and the old ones are gone", async () => {
    await storePlan(fixture.control, who, plan());
    const first = await stored();
    await storePlan(fixture.control, who, plan());
    expect(await stored()).toEqual(first);
    await storePlan(fixture.control, who, plan(uploadedFiles(Buffer.from("others"))));
    expect((await stored()).planFilesSha256).toBe(sha256("others"));
    expect(await keys()).not.toContain(first.planFilesBlobKey);
    await storePlan(fixture.control, who, {
      ...noFiles,
      plan: Buffer.from("none"),
      planSha256: sha256("none"),
    });
    expect((await stored()).planFilesBlobKey).toBeNull();
  });

  test("do not survive their run, however it ends", async () => {
    await storePlan(fixture.control, who, plan());
    const { planFilesBlobKey } = await stored();
    expect(await keys()).toContain(planFilesBlobKey);
    const counts = { add: 1, change: 0, destroy: 0, import: 0 };
    const move = (event: Parameters<typeof advanceRun>[2]["event"]) =>
      change(fixture.control, async (tx, at) => {
        const found = await tx.runs.get(run.id);
        return advanceRun(tx, at, { run: found ?? run, event });
      });
    await move({ kind: "plan_finished", hasChanges: true, counts });
    expect(await keys()).toContain(planFilesBlobKey);
    await move({ kind: "discarded", by: "ana", comment: "" });
    expect(await stored()).toMatchObject({ status: "discarded", planFilesBlobKey: null, planFilesBytes: null });
    expect(await keys()).not.toContain(planFilesBlobKey);
  });

  test("that were changed on the disk, or cut off, are refused", async () => {
    const { control } = fixture;
    await storePlan(control, who, plan());
    const key = (await stored()).planFilesBlobKey ?? "";
    await applies();
    const sealed = Buffer.concat(await Array.fromAsync(control.blobs.get(key)));
    const flipped = Buffer.from(sealed);
    flipped[100] = (flipped[100] ?? 0) ^ 1;
    for (const bytes of [flipped, sealed.subarray(0, 400_000), Buffer.alloc(9, 255)]) {
      const blobs = {
        ...control.blobs,
        get: async function* () {
          yield bytes;
        },
      };
      await expect(Array.fromAsync(planFilesOfJob({ ...control, blobs }, who))).rejects.toThrow(/changed outside/);
    }
  });
});
