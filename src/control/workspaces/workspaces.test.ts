import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import { createPool, updatePool } from "../agents/pools.ts";
import { topics } from "../core/control.ts";
import { deleteWorkspace } from "./deletion.ts";
import type { WorkspaceSettings } from "./settings.ts";
import { createWorkspace, getWorkspace, listWorkspaces, updateWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let operator: Person;
beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
});
afterEach(() => fixture[Symbol.asyncDispose]());

const create = (name: string, settings: Partial<WorkspaceSettings> = {}) =>
  createWorkspace(fixture.control, operator, newWorkspace(name, settings));
const update = (name: string, changes: Partial<WorkspaceSettings>, etag = "") =>
  updateWorkspace(fixture.control, operator, { reference: ref(name), changes, etag });
const remove = (name: string, isForced: boolean) =>
  deleteWorkspace(fixture.control, operator, { reference: ref(name), isForced });

describe("the name of a workspace", () => {
  test.each(["a", "prod_network", "Prod-", "_x", "9", "x".repeat(90)])("may be %s", async (name) => {
    expect((await create(name)).workspace.name).toBe(name);
  });

  test.each([
    "",
    "-a",
    "a.b",
    "a b",
    "a/b",
    "ü",
    "x".repeat(91),
    "ws_01h455vb4pex5vsknk084sn02q",
    "run_01h455vb4pex5vsknk084sn02q",
  ])("may not be %j", async (name) => {
    await expect(create(name)).rejects.toMatchObject({ code: "validation", fields: [{ field: "workspace.name" }] });
  });

  test("is taken by one that differs in capitals alone; a workspace itself may change them", async () => {
    await create("prod_Network");
    await expect(create("Prod_network")).rejects.toMatchObject({
      ...{ code: "name_taken", metadata: { resource: "workspace", name: "prod_Network" } },
    });
    await create("other");
    await expect(update("other", { name: "PROD_NETWORK" })).rejects.toMatchObject({ code: "name_taken" });
    expect((await update("prod_Network", { name: "PROD_network" })).workspace.name).toBe("PROD_network");
  });
});

describe("a workspace and its pool", () => {
  test("agent mode needs a pool, and the other modes take none", async () => {
    await createPool(fixture.control, operator, newPool("prod"));
    await expect(create("network", { executionMode: "agent" })).rejects.toMatchObject({
      code: "no_pool",
      message: expect.stringContaining('workspace "network" is in execution mode agent and names no agent pool'),
      metadata: { workspace: "network" },
    });
    for (const executionMode of ["remote", "local"] as const) {
      await expect(create("network", { executionMode, pool: "prod" })).rejects.toMatchObject({
        code: "validation",
        fields: [{ field: "workspace.agent_pool" }],
      });
    }
    expect(await create("network", { executionMode: "agent", pool: "prod" })).toMatchObject({ poolName: "prod" });
  });

  test("a pool must grant it, and the error says how", async () => {
    await createPool(fixture.control, operator, newPool("prod", { isOrganizationScoped: false, grants: ["dns"] }));
    await expect(create("network", { executionMode: "agent", pool: "prod" })).rejects.toMatchObject({
      code: "pool_not_granted",
      message: 'agent pool "prod" does not grant workspace "network". Grant it first: windlass pool grant prod network',
      metadata: { pool: "prod", workspaces: "network" },
    });
    expect(await create("dns", { executionMode: "agent", pool: "prod" })).toMatchObject({ poolName: "prod" });
  });

  test("another tenant's pool does not exist, not even for a site admin", async () => {
    const { control, admin, as, sibling } = fixture;
    const theirs = await createPool(control, as("owner", sibling), newPool("theirs", { organization: "rival" }));
    const wanted = newWorkspace("network", { executionMode: "agent", pool: theirs.pool.id });
    for (const who of [operator, admin]) {
      await expect(createWorkspace(control, who, wanted)).rejects.toMatchObject({ code: "not_found" });
    }
  });

  test("a pool that stopped granting it does not stand in the way of other changes", async () => {
    const { control } = fixture;
    await createPool(control, operator, newPool("prod"));
    await create("network", { executionMode: "agent", pool: "prod" });
    await updatePool(control, operator, { reference: ref("prod"), changes: { isOrganizationScoped: false }, etag: "" });
    expect(await update("network", { description: "still there" })).toMatchObject({ poolName: "prod" });
    await update("network", { executionMode: "remote" });
    await expect(update("network", { executionMode: "agent", pool: "prod" })).rejects.toMatchObject({
      code: "pool_not_granted",
    });
  });

  test("leaving agent mode leaves the pool", async () => {
    await createPool(fixture.control, operator, newPool("prod"));
    await create("network", { executionMode: "agent", pool: "prod" });
    await expect(update("network", { pool: "" })).rejects.toMatchObject({ code: "no_pool" });
    const { workspace, poolName } = await update("network", { executionMode: "remote" });
    expect([workspace.executionMode, workspace.poolId, poolName]).toEqual(["remote", null, ""]);
    await expect(update("network", { pool: "prod" })).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: "changes.agent_pool" }],
    });
  });

  test("its queued jobs follow it to another pool", async () => {
    const { control } = fixture;
    await createPool(control, operator, newPool("prod"));
    const stage = await createPool(control, operator, newPool("stage"));
    const { workspace } = await create("network", { executionMode: "agent", pool: "prod" });
    const run = runRow(workspace, { status: "plan_queued" });
    const [queued, offered] = [
      jobRow(run, { poolId: workspace.poolId }),
      jobRow(run, { poolId: workspace.poolId, status: "offered", epoch: 1 }),
    ];
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(queued);
      await tx.jobs.insert(offered);
    });
    const seen = control.wake.version(topics.jobs);
    await update("network", { pool: "stage" });
    expect(control.wake.version(topics.jobs)).toBeGreaterThan(seen);
    const jobs = await control.store.read((q) => q.jobs.byIds([queued.id, offered.id]));
    expect(new Map(jobs.map(({ status, poolId }) => [status, poolId]))).toEqual(
      new Map([
        ["queued", stage.pool.id],
        ["offered", workspace.poolId],
      ]),
    );
    await expect(update("network", { executionMode: "local" })).rejects.toMatchObject({
      code: "workspace_in_use",
      metadata: { workspace: "network", run_id: run.id },
    });
    await update("network", { executionMode: "remote" });
    expect((await control.store.read((q) => q.jobs.get(queued.id)))?.poolId).toBeNull();
  });
});

describe("workspaces", () => {
  test("another tenant's does not exist", async () => {
    const { control, as, sibling } = fixture;
    const { workspace } = await create("network");
    const stranger = as("owner", sibling);
    for (const reference of [ref("network"), ref(workspace.id)]) {
      await expect(getWorkspace(control, stranger, reference)).rejects.toMatchObject({ code: "not_found" });
      await expect(deleteWorkspace(control, stranger, { reference, isForced: true })).rejects.toMatchObject({
        code: "not_found",
      });
      const change = { reference, changes: { name: "mine" }, etag: "" };
      await expect(updateWorkspace(control, stranger, change)).rejects.toMatchObject({ code: "not_found" });
    }
    await expect(createWorkspace(control, stranger, newWorkspace("network"))).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("planners and readers change nothing", async () => {
    const { control, as } = fixture;
    await create("network");
    for (const who of [as("planner"), as("reader")]) {
      await expect(createWorkspace(control, who, newWorkspace("dns"))).rejects.toMatchObject({
        code: "permission_denied",
      });
      expect(await getWorkspace(control, who, ref("network"))).toMatchObject({ currentRunId: null });
    }
  });

  test("names are unique, and a repeated request is answered again", async () => {
    const { control } = fixture;
    const wanted = newWorkspace("network", {}, { requestId: "r-1" });
    const first = await createWorkspace(control, operator, wanted);
    expect(await createWorkspace(control, operator, wanted)).toEqual(first);
    await expect(create("network")).rejects.toMatchObject({ code: "name_taken" });
    await create("dns");
    await expect(update("dns", { name: "network" })).rejects.toMatchObject({ code: "name_taken" });
  });

  test("an old etag changes nothing", async () => {
    await create("network");
    expect((await update("network", { isAutoApply: true }, "1")).workspace).toMatchObject({
      isAutoApply: true,
      version: 2,
    });
    await expect(update("network", { isAutoApply: false }, "1")).rejects.toMatchObject({
      code: "etag_mismatch",
      metadata: { current_etag: "2" },
    });
  });

  test.each([
    ["/etc", "working_directory"],
    ["modules/../../etc", "working_directory"],
    ["a\\b", "working_directory"],
  ])("the working directory %j is refused", async (workingDirectory, field) => {
    await expect(create("network", { workingDirectory })).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: `workspace.${field}` }],
    });
  });

  test("a working directory is kept clean", async () => {
    const clean = async (workingDirectory: string) =>
      (await update("network", { workingDirectory })).workspace.workingDirectory;
    await create("network");
    expect([await clean("./modules//net/"), await clean("."), await clean("")]).toEqual(["modules/net", "", ""]);
  });

  test.each(["latest", "1.2.3.4", "~> x", ">= 1.2,", "; rm"])(
    "the engine version %j is refused",
    async (engineVersion) => {
      await expect(create("network", { engineVersion })).rejects.toMatchObject({
        code: "validation",
        fields: [{ field: "workspace.engine_version" }],
      });
    },
  );

  test.each(["1.11.4", "v1.11.4", "~> 1.11", ">= 1.5, < 2.0.0", "1.12.0-beta1"])(
    "the engine version %j is taken",
    async (engineVersion) => {
      expect((await create("network", { engineVersion })).workspace.engineVersion).toBe(engineVersion);
    },
  );

  test("they are listed by name, all or those of a pool", async () => {
    const { control } = fixture;
    await createPool(control, operator, newPool("prod"));
    await create("b", { executionMode: "agent", pool: "prod", name: "bb" });
    await create("aa");
    const list = async (pool: string) => {
      const wanted = { organization: "acme", pool, page: { size: 0, token: "" } };
      return (await listWorkspaces(control, operator, wanted)).rows.map(({ workspace }) => workspace.name);
    };
    expect([await list(""), await list("prod")]).toEqual([["aa", "bb"], ["bb"]]);
  });
});

describe("deleting a workspace", () => {
  test("with state it needs force", async () => {
    const { control } = fixture;
    const { workspace } = await create("network");
    const state = stateRow(workspace, { resourceCount: 1 });
    await control.store.write(async (tx) => {
      await tx.states.insert(state);
      await tx.workspaces.save({ ...workspace, currentStateId: state.id });
    });
    await expect(remove("network", false)).rejects.toMatchObject({
      code: "workspace_in_use",
      message: expect.stringContaining("destroy its resources first"),
    });
    await remove("network", true);
    expect(await control.store.read((q) => q.states.get(state.id))).toBeUndefined();
  });

  test("with a run under way not even force helps", async () => {
    const { workspace } = await create("network");
    const run = runRow(workspace, { status: "planning" });
    await fixture.control.store.write((tx) => tx.runs.insert(run));
    for (const isForced of [false, true]) {
      await expect(remove("network", isForced)).rejects.toMatchObject({
        code: "workspace_in_use",
        message: `workspace "network" cannot be deleted: its run ${run.id} is planning. Wait for its end or cancel it: windlass run cancel ${run.id}`,
        metadata: { run_id: run.id },
      });
    }
  });

  test("without any of that it needs nothing", async () => {
    await create("network");
    await remove("network", false);
    await expect(getWorkspace(fixture.control, operator, ref("network"))).rejects.toMatchObject({ code: "not_found" });
  });
});
