import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { actorOf } from "../core/audit.ts";
import { storeState } from "../jobs/states.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { listRunEvents } from "./events.ts";
import { type Resolution, resolveRun } from "./resolution.ts";

let fixture: TestControl;
let workspace: Workspace;
let operator: Person;
const lostMessage = "agent vm-1 was lost during the apply: what it did is not known";

beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** A run whose apply was interrupted and which still holds its workspace, unless said otherwise. */
async function lostApply(change: Partial<Run> = {}, holds = true): Promise<{ readonly run: Run; readonly job: Job }> {
  const { control, clock } = fixture;
  const endedAt = clock.now();
  const run = runRow(workspace, { status: "errored", errorMessage: lostMessage, endedAt, ...change });
  const job = jobRow(run, { phase: "apply", status: "interrupted", epoch: 1, startedAt: endedAt, endedAt });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
    if (holds) await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: endedAt } });
  });
  return { run, job };
}

const resolve = (id: string, resolution: Resolution, who = operator, comment = "") =>
  resolveRun(fixture.control, who, { id, resolution, comment });
const workspaceNow = () => fixture.control.store.read((q) => q.workspaces.get(workspace.id));
const actions = (resource: string) =>
  fixture.control.store.read(async (q) => {
    const filter = { organizationId: null, action: "run.", actor: "", resource, since: null, until: null };
    return (await q.audit.list(filter, { before: null, limit: 10 })).map(({ action, actor, detail }) => ({
      ...{ action, actor, detail },
    }));
  });

/** A state that the lost agent sent, when its run no longer had the workspace. */
async function quarantined({ run, job }: { readonly run: Run; readonly job: Job }, serial = 4) {
  const { store } = fixture.control;
  const held = await workspaceNow();
  await store.write((tx) => tx.workspaces.save({ ...workspace, lock: null }));
  const bytes = Buffer.from(JSON.stringify({ version: 4, serial, lineage: "l", outputs: {}, resources: [] }));
  const state = await storeState(
    fixture.control,
    { kind: "job", jobId: job.id, epoch: 1 },
    {
      ...{ bytes, lineage: "l", serial, sha256: sha256(bytes) },
    },
  );
  expect(state.status).toBe("quarantined");
  await store.write((tx) => tx.workspaces.save({ ...workspace, lock: held?.lock ?? null }));
  return { run, state };
}

describe("what a person decides about a lost apply", () => {
  test("to wait: nothing changes but that it is told and recorded", async () => {
    const { run } = await lostApply();
    const { run: after } = await resolve(run.id, "wait", operator, "back soon");
    expect(after).toMatchObject({ status: "errored", errorMessage: lostMessage, decidedBy: "" });
    expect((await workspaceNow())?.lock).toMatchObject({ kind: "run", runId: run.id });
    const page = { id: run.id, page: { size: 0, token: "" } };
    expect((await listRunEvents(fixture.control, operator, page)).rows).toMatchObject([
      { actor: actorOf(operator), title: "goes on waiting for the agent", comment: "back soon", status: null },
    ]);
    expect(await actions(run.id)).toEqual([
      { action: "run.resolve.wait", actor: actorOf(operator), detail: { comment: "back soon" } },
    ]);
    // It can be decided again.
    await resolve(run.id, "unlock");
    expect((await workspaceNow())?.lock).toBeNull();
  });

  test("to unlock: the workspace keeps its state and goes to the next run", async () => {
    const { run } = await lostApply();
    const next = runRow(workspace, { status: "pending", createdAt: fixture.clock.now() });
    await fixture.control.store.write((tx) => tx.runs.insert(next));
    const { run: after } = await resolve(run.id, "unlock");
    const how = `${actorOf(operator)} unlocked the workspace with the state it has`;
    expect(after).toMatchObject({
      ...{ status: "errored", decidedBy: actorOf(operator), decidedAt: fixture.clock.now() },
      errorMessage: `${lostMessage}. Resolved: ${how}`,
    });
    expect(await workspaceNow()).toMatchObject({ currentStateId: null, lock: { kind: "run", runId: next.id } });
    expect(await actions(run.id)).toMatchObject([{ action: "run.resolve.unlock", detail: {} }]);
  });

  test("to accept: the state that is aside becomes the workspace's", async () => {
    const { run } = await quarantined(await lostApply());
    const { run: after } = await resolve(run.id, "accept_snapshot");
    expect(after.errorMessage).toMatch(/Resolved: an operator \(key_\w+\) accepted the state with serial 4$/);
    const { currentStateId, lock } = (await workspaceNow()) ?? {};
    expect(lock).toBeNull();
    const state = await fixture.control.store.read(async (q) =>
      currentStateId == null ? undefined : q.states.get(currentStateId),
    );
    expect(state).toMatchObject({ serial: 4, status: "current", quarantineReason: "" });
  });

  test("to unlock leaves what is aside where it is", async () => {
    const { run, state } = await quarantined(await lostApply());
    await resolve(run.id, "unlock");
    expect(await fixture.control.store.read((q) => q.states.get(state.id))).toMatchObject({ status: "quarantined" });
    expect((await workspaceNow())?.currentStateId).toBeNull();
  });

  test("to accept, where nothing is aside, unlocks with the state that is there", async () => {
    const { run } = await lostApply();
    expect((await resolve(run.id, "accept_snapshot")).run.errorMessage).toContain("unlocked the workspace");
  });
});

describe("nothing is to be decided", () => {
  test.each<RunStatus>(["pending", "planned", "applying"])(
    "about a run that is %s, though it holds its workspace",
    async (status) => {
      const { run } = await lostApply({ status, endedAt: null });
      await expect(resolve(run.id, "unlock")).rejects.toMatchObject({
        ...{ code: "run_not_resolvable", metadata: { run_id: run.id, state: status } },
      });
      expect((await workspaceNow())?.lock).toMatchObject({ runId: run.id });
    },
  );

  test.each<RunStatus>(["applied", "errored", "canceled"])("about a run that is %s and holds none", async (status) => {
    const { run } = await lostApply({ status }, false);
    for (const how of ["wait", "unlock", "accept_snapshot"] as const)
      await expect(resolve(run.id, how)).rejects.toMatchObject({ code: "run_not_resolvable" });
    expect(await actions(run.id)).toEqual([]);
  });

  test("about a run whose workspace another one holds, or a person", async () => {
    const { run } = await lostApply({}, false);
    const other = await lostApply();
    await expect(resolve(run.id, "unlock")).rejects.toMatchObject({ code: "run_not_resolvable" });
    expect((await workspaceNow())?.lock).toMatchObject({ runId: other.run.id });
    const lock = { kind: "person", by: "ana", reason: "", at: fixture.clock.now() } as const;
    await fixture.control.store.write((tx) => tx.workspaces.save({ ...workspace, lock }));
    await expect(resolve(other.run.id, "unlock")).rejects.toMatchObject({ code: "run_not_resolvable" });
    expect((await workspaceNow())?.lock).toEqual(lock);
  });

  test("twice", async () => {
    const { run } = await lostApply();
    await resolve(run.id, "unlock");
    await expect(resolve(run.id, "unlock")).rejects.toMatchObject({ code: "run_not_resolvable" });
    expect(await actions(run.id)).toHaveLength(1);
  });
});

describe("who decides", () => {
  test.each(["reader", "planner"] as const)("not a %s, who is not even told whether the run is there", async (role) => {
    const { run } = await lostApply();
    for (const id of [run.id, "run_none"])
      await expect(resolve(id, "unlock", fixture.as(role))).rejects.toMatchObject({ code: "permission_denied" });
    expect((await workspaceNow())?.lock).not.toBeNull();
  });

  test("nobody of another organization", async () => {
    const { run } = await quarantined(await lostApply());
    for (const how of ["wait", "unlock", "accept_snapshot"] as const)
      await expect(resolve(run.id, how, fixture.as("owner", fixture.sibling))).rejects.toMatchObject({
        code: "not_found",
      });
    expect((await workspaceNow())?.lock).toMatchObject({ runId: run.id });
  });
});
