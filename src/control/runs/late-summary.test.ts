import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Run } from "../../domain/runs/run.ts";
import { topics } from "../core/control.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { getRunPlan } from "./plan.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

test("a plan is waited for while its summary follows it, and one that never comes is told of", async () => {
  const { control, as, clock } = fixture;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  const plannedChanges = { add: 1, change: 0, destroy: 0, import: 0, forget: 0, drift: 0 };
  const run: Run = runRow(workspace, { status: "applying", planSha256: "0".repeat(64), plannedChanges });
  const plan = jobRow(run, { status: "finished", endedAt: clock.now(), isLogClosed: true });
  await control.store.write(async (tx) => {
    await tx.runs.insert({ ...run, summaryBlobKey: null });
    await tx.jobs.insert(plan);
  });
  const asked = { id: run.id, page: { size: 0, token: "" } };
  const reading = getRunPlan(control, as("reader"), asked);
  const summaryBlobKey = await storeSealed(control, Buffer.from('{"parts":[]}'), `plan-summary/${run.id}`);
  await control.store.write((tx) => tx.runs.save({ ...run, summaryBlobKey }));
  control.wake.notify(topics.run(run.id));
  expect(await reading).toMatchObject({ counts: plannedChanges, isComplete: true });
  await control.store.write((tx) => tx.runs.save({ ...run, summaryBlobKey: null }));
  await clock.advance(60_001);
  await expect(getRunPlan(control, as("reader"), asked)).rejects.toMatchObject({
    ...{ code: "not_found", message: expect.stringContaining("its agent has not brought the summary") },
  });
});
