import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import { createWorkspace, type NewSettings } from "../workspaces/workspaces.ts";
import { sharedStatesOfJob } from "./shared-states.ts";

let fixture: TestControl;
let operator: Person;
let apps: Workspace;
beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
  apps = (await createWorkspace(fixture.control, operator, newWorkspace("apps"))).workspace;
});
afterEach(() => fixture[Symbol.asyncDispose]());

const state = (more: object = {}) => ({
  ...{ version: 4, terraform_version: "1.5.0", serial: 7, lineage: "l-1" },
  outputs: { vpc: { value: "v", type: "string" } },
  resources: [{ mode: "managed", type: "t", name: "n", instances: [{ attributes: { password: "hidden" } }] }],
  check_results: [{ status: "pass" }],
  ...more,
});

/** A workspace with a state. */
async function holding(name: string, content: unknown, settings: Partial<NewSettings> = { consumers: ["apps"] }) {
  const { control } = fixture;
  const { workspace } = await createWorkspace(control, operator, newWorkspace(name, settings));
  const row = stateRow(workspace);
  const state = Buffer.from(JSON.stringify(content));
  const blobKey = await storeSealed(control, state, `state/${row.id}`);
  await control.store.write(async (tx) => {
    await tx.states.insert({ ...row, blobKey, bytes: state.length });
    await tx.workspaces.save({ ...workspace, currentStateId: row.id });
  });
}

async function job(status: "offered" | "started" = "started"): Promise<Principal> {
  const run = runRow(apps, { status: "planning" });
  const startedAt = status === "started" ? fixture.clock.now() : null;
  const row = jobRow(run, { status, epoch: 2, startedAt });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(row);
  });
  return { kind: "job", jobId: row.id, epoch: 2 };
}

const shared = async (who: Principal) => {
  const found = await Array.fromAsync(sharedStatesOfJob(fixture.control, who));
  return found.map((one) =>
    one.kind === "readable"
      ? [one.workspace, JSON.parse(Buffer.from(one.state).toString())]
      : [one.workspace, one.problem],
  );
};

describe("the states that a job may read", () => {
  test("have the outputs and nothing else", async () => {
    await holding("network", state());
    expect(await shared(await job())).toEqual([["network", state({ resources: [], check_results: null })]]);
  });

  test("are those of workspaces that share with its workspace, or with all", async () => {
    await holding("a-denied", state(), {});
    await holding("b-other", state(), { consumers: ["dns"] });
    await holding("c-named", state());
    await holding("d-all", state(), { sharesState: true });
    await createWorkspace(fixture.control, operator, newWorkspace("e-stateless", { sharesState: true }));
    expect((await shared(await job())).map(([name]) => name)).toEqual(["c-named", "d-all"]);
  });

  test("are told with what is wrong with them", async () => {
    const encrypted = { serial: 1, lineage: "l", encrypted_data: "b64", encryption_version: "v0", meta: {} };
    await holding("encrypted", encrypted);
    await holding("large", state({ outputs: { big: { value: "x".repeat(2 * 1024 * 1024), type: "string" } } }));
    await holding("old", { version: 3, serial: 1, lineage: "l" });
    expect(await shared(await job())).toEqual([
      ["encrypted", expect.stringContaining("encrypted by tofu")],
      ["large", expect.stringMatching(/^its outputs have \d+ bytes: at most 2097152 can be shared$/)],
      ["old", expect.stringContaining("expected version 4")],
    ]);
  });

  test("are given to a started job only, and to nobody else", async () => {
    await holding("network", state());
    await expect(shared(await job("offered"))).rejects.toMatchObject({ code: "permission_denied" });
    await expect(shared(operator)).rejects.toMatchObject({ code: "permission_denied" });
    const who = await job();
    await expect(shared({ ...who, epoch: 1 } as Principal)).rejects.toMatchObject({ code: "job_epoch_stale" });
  });
});
