import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { runRow } from "../../../test/support/rows.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { deleteWorkspace } from "../workspaces/deletion.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { lockWorkspace, unlockWorkspace } from "./workspace-locks.ts";

let fixture: TestControl;
let ana: Person;
let workspace: Workspace;
beforeEach(async () => {
  fixture = await openTestControl();
  ana = { ...fixture.as("operator"), name: "ana" };
  ({ workspace } = await createWorkspace(fixture.control, ana, newWorkspace("network")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const lock = (who: Person, reason = "migrating the state") =>
  lockWorkspace(fixture.control, who, { reference: ref("network"), reason });
const unlock = (who: Person, isForced = false) =>
  unlockWorkspace(fixture.control, who, { reference: ref("network"), isForced });

/** Gives the workspace to a run. */
async function heldByRun(status: RunStatus): Promise<Run> {
  const run = runRow(workspace, { status, errorMessage: status === "errored" ? "agent lost during apply" : "" });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    const held = { kind: "run" as const, runId: run.id, at: fixture.clock.now() };
    await tx.workspaces.save({ ...workspace, lock: held });
  });
  return run;
}

describe("a person's lock", () => {
  test("the error says who holds it, since when and why", async () => {
    const { as } = fixture;
    await lock(ana);
    await expect(lock(as("operator"))).rejects.toMatchObject({
      code: "workspace_locked",
      message: `workspace "network" is locked by ana (${ana.id}) since 2026-01-01T00:00:00.000Z (migrating the state). Wait for its release, or unlock it first`,
      metadata: { workspace: "network", locked_by: `ana (${ana.id})`, run_id: "", reason: "migrating the state" },
    });
  });

  test("its holder releases it, anybody else needs force and the role owner", async () => {
    const { as } = fixture;
    await expect(unlock(ana)).rejects.toMatchObject({ code: "not_locked", metadata: { workspace: "network" } });
    await lock(ana);
    await expect(unlock(as("owner"))).rejects.toMatchObject({ code: "workspace_locked" });
    await expect(unlock(as("operator"), true)).rejects.toMatchObject({ code: "permission_denied" });
    expect((await unlock(as("owner"), true)).workspace.lock).toBeNull();
    await lock(ana);
    expect((await unlock(ana)).workspace.lock).toBeNull();
  });

  test("releasing it gives the workspace to the next run", async () => {
    await lock(ana);
    const run = runRow(workspace);
    await fixture.control.store.write((tx) => tx.runs.insert(run));
    const view = await unlock(ana);
    expect(view).toMatchObject({ currentRunId: run.id, workspace: { lock: { kind: "run", runId: run.id } } });
    expect(await fixture.control.store.read((q) => q.runs.get(run.id))).toMatchObject({ status: "plan_queued" });
  });

  test("a locked workspace is deleted only with force", async () => {
    await lock(ana);
    const remove = (isForced: boolean) =>
      deleteWorkspace(fixture.control, ana, { reference: ref("network"), isForced });
    await expect(remove(false)).rejects.toMatchObject({ code: "workspace_locked" });
    await remove(true);
  });

  test("readers and planners lock nothing", async () => {
    for (const role of ["reader", "planner"] as const) {
      await expect(lock(fixture.as(role))).rejects.toMatchObject({ code: "permission_denied" });
    }
  });
});

describe("a run's lock", () => {
  test("is not released while the run is under way, not even with force", async () => {
    const run = await heldByRun("planned");
    for (const isForced of [false, true]) {
      await expect(unlock(fixture.as("owner"), isForced)).rejects.toMatchObject({
        code: "workspace_locked",
        message: expect.stringContaining(`The run waits to be confirmed or discarded: windlass run confirm ${run.id}`),
        metadata: { run_id: run.id, run_state: "planned" },
      });
    }
  });

  test("that a lost run left behind is released with force", async () => {
    const { id } = await heldByRun("errored");
    const advice = `The run ended as errored (agent lost during apply). Look at what it did to the real resources, then decide: windlass run resolve ${id}`;
    const refusal = {
      code: "workspace_locked",
      message: expect.stringContaining(advice),
      metadata: { run_id: id, run_state: "errored" },
    };
    await expect(unlock(ana)).rejects.toMatchObject(refusal);
    await expect(lock(ana)).rejects.toMatchObject(refusal);
    expect((await unlock(ana, true)).workspace.lock).toBeNull();
  });
});
