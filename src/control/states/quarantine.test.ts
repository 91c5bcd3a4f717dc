import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { storeState } from "../jobs/states.ts";
import { resolveRun } from "../runs/resolution.ts";
import { lockWorkspace, unlockWorkspace } from "../runs/workspace-locks.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { adoptState, dropState } from "./quarantine.ts";
import { downloadState, listStates } from "./states.ts";

let fixture: TestControl;
let job: Job;

const workspaceNow = async (): Promise<Workspace> => {
  const found = await fixture.control.store.read((q) => q.workspaces.get(job.workspaceId));
  if (found === undefined) throw new Error("the workspace is there");
  return found;
};

/** A run whose apply was interrupted and which still holds its workspace. */
beforeEach(async () => {
  fixture = await openTestControl();
  const { control, as, clock } = fixture;
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  const run = runRow(workspace, { status: "errored", errorMessage: "agent vm-1 was lost during the apply" });
  job = jobRow(run, { phase: "apply", status: "interrupted", epoch: 1, startedAt: clock.now() });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
    await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: clock.now() } });
  });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const upload = (serial: number, lineage = "l", note = ""): Promise<StateVersion> => {
  const bytes = Buffer.from(JSON.stringify({ version: 4, serial, lineage, note, outputs: {}, resources: [] }));
  const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
  return storeState(fixture.control, who, { bytes, lineage, serial, sha256: sha256(bytes) });
};

const download = async (id: string) => {
  const pieces = downloadState(fixture.control, fixture.as("owner"), { id, workspace: { organization: "", name: "" } });
  return JSON.parse(Buffer.concat(await Array.fromAsync(pieces)).toString());
};

const resolve = (resolution: Parameters<typeof resolveRun>[2]["resolution"]) =>
  resolveRun(fixture.control, fixture.as("operator"), { id: job.runId, resolution, comment: "seen" });

describe("a quarantined state", () => {
  test("makes room for later ones of the same job: the newest fifty are kept", async () => {
    await upload(1);
    await resolve("unlock");
    for (let serial = 2; serial <= 61; serial++) {
      await upload(serial);
      await fixture.clock.advance(1);
    }
    const page = { size: 1_000, token: "" };
    const wanted = { workspace: ref("net"), isQuarantined: true, page };
    const { rows } = await listStates(fixture.control, fixture.as("reader"), wanted);
    expect(rows.map(({ state }) => state.serial)).toEqual(Array.from({ length: 50 }, (_, n) => 61 - n));
  });

  test("is kept aside with its reason, and adopted as it is when its serial is higher", async () => {
    const { control, as } = fixture;
    await upload(1);
    await resolve("unlock");
    const aside = await upload(2);
    expect(aside).toMatchObject({
      status: "quarantined",
      quarantineReason: expect.stringContaining("no longer holds"),
    });
    const listed = await listStates(control, as("reader"), {
      workspace: { organization: "acme", name: "net" },
      isQuarantined: true,
      page: { size: 0, token: "" },
    });
    expect(listed.rows.map(({ state }) => state.id)).toEqual([aside.id]);
    const { state } = await adoptState(control, as("operator"), { id: aside.id, isForced: false });
    expect(state).toMatchObject({ id: aside.id, serial: 2, status: "current" });
    expect((await workspaceNow()).currentStateId).toBe(aside.id);
  });

  test("gets a higher serial when the workspace has moved on, in its bytes too", async () => {
    const { control, as } = fixture;
    await upload(5);
    const other = await upload(5, "l", "another content");
    expect(other.status).toBe("quarantined");
    await resolve("unlock");
    const { state } = await adoptState(control, as("operator"), { id: other.id, isForced: false });
    expect(state.serial).toBe(6);
    expect(await download(state.id)).toMatchObject({ serial: 6, lineage: "l", note: "another content" });
  });

  test("of another lineage needs force, which only an owner has; and nobody else's lock is ignored", async () => {
    const { control, as } = fixture;
    await upload(1);
    const foreign = await upload(9, "other");
    await resolve("unlock");
    const adopt = (isForced: boolean, role: "operator" | "owner" = "owner") =>
      adoptState(control, as(role), { id: foreign.id, isForced });
    await expect(adopt(false)).rejects.toMatchObject({ code: "state_lineage_conflict" });
    await expect(adopt(true, "operator")).rejects.toMatchObject({ code: "permission_denied" });
    const operator = as("operator");
    await lockWorkspace(control, operator, { reference: ref("net"), reason: "look" });
    await expect(adopt(true)).rejects.toMatchObject({ code: "workspace_locked" });
    await unlockWorkspace(control, operator, { reference: ref("net"), isForced: false });
    expect((await adopt(true)).state).toMatchObject({ lineage: "other", serial: 9, status: "current" });
  });

  test("can be dropped; a current one can be neither adopted nor dropped", async () => {
    const { control, as } = fixture;
    const current = await upload(1);
    const foreign = await upload(9, "other");
    await dropState(control, as("operator"), foreign.id);
    await expect(dropState(control, as("operator"), foreign.id)).rejects.toMatchObject({ code: "not_found" });
    await expect(dropState(control, as("operator"), current.id)).rejects.toMatchObject({
      code: "state_not_quarantined",
      metadata: { workspace: "net" },
    });
    await expect(adoptState(control, as("reader"), { id: current.id, isForced: false })).rejects.toMatchObject({
      code: "permission_denied",
    });
  });
});

describe("an interrupted run", () => {
  test("wait keeps the workspace locked", async () => {
    await resolve("wait");
    expect((await workspaceNow()).lock).toMatchObject({ kind: "run", runId: job.runId });
  });

  test("accepting the snapshot makes the newest state current, also one that is aside, and unlocks", async () => {
    await upload(1);
    const foreign = await upload(9, "other");
    const { run } = await resolve("accept_snapshot");
    expect(run.errorMessage).toContain("accepted the state with serial 9");
    expect(await workspaceNow()).toMatchObject({ lock: null, currentStateId: foreign.id });
  });

  test("unlocking keeps the state, gives the workspace to the next run, and is done once", async () => {
    const { control } = fixture;
    const current = await upload(3);
    const next = runRow(await workspaceNow());
    await control.store.write((tx) => tx.runs.insert(next));
    await resolve("unlock");
    expect(await workspaceNow()).toMatchObject({ currentStateId: current.id, lock: { kind: "run", runId: next.id } });
    await expect(resolve("unlock")).rejects.toMatchObject({ code: "run_not_resolvable" });
  });
});

test("a state of another organization does not exist, whatever its status is", async () => {
  const { control } = fixture;
  const current = await upload(1);
  const stranger = fixture.as("owner", fixture.sibling);
  for (const status of ["current", "superseded", "quarantined"] as const) {
    await control.store.write((tx) => tx.states.save({ ...current, status }));
    const unknown = { code: "not_found" };
    await expect(adoptState(control, stranger, { id: current.id, isForced: false })).rejects.toMatchObject(unknown);
    await expect(dropState(control, stranger, current.id)).rejects.toMatchObject(unknown);
  }
});
