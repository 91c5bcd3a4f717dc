import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import { topics } from "../core/control.ts";
import { grantWorkspaces, maxGrants, revokeWorkspaces } from "../workspaces/grants.ts";
import { createWorkspace, getWorkspace, updateWorkspace } from "../workspaces/workspaces.ts";
import { createPool, deletePool, getPool, listPools, updatePool } from "./pools.ts";
import { createAgentToken } from "./tokens.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

describe("pools", () => {
  test("operators manage them, planners and readers look", async () => {
    const { control, as } = fixture;
    await expect(createPool(control, as("planner"), newPool("prod"))).rejects.toMatchObject({
      code: "permission_denied",
    });
    await createPool(control, as("operator"), newPool("prod"));
    expect(await getPool(control, as("reader"), ref("prod"))).toMatchObject({ organizationName: "acme", grants: [] });
    await expect(deletePool(control, as("planner"), ref("prod"))).rejects.toMatchObject({ code: "permission_denied" });
  });

  test("names that differ in the case of their letters alone are one name", async () => {
    const { control, as } = fixture;
    const create = (name: string) => createPool(control, as("operator"), newPool(name));
    const { pool } = await create("Big_Pool-");
    await create("other");
    await expect(create("big_pool-")).rejects.toMatchObject({ code: "name_taken", metadata: { name: "Big_Pool-" } });
    await expect(create(pool.id)).rejects.toMatchObject({ code: "validation" });
    const rename = (name: string) =>
      updatePool(control, as("operator"), { reference: ref(pool.id), changes: { name }, etag: "" });
    await expect(rename("OTHER")).rejects.toMatchObject({ code: "name_taken" });
    expect((await rename("big_pool-")).pool.name).toBe("big_pool-");
  });

  test("another tenant's does not exist, by name or id", async () => {
    const { control, as, sibling } = fixture;
    const { pool } = await createPool(control, as("owner"), newPool("prod"));
    const stranger = as("owner", sibling);
    for (const reference of [ref("prod"), ref(pool.id), ref("prod", "rival"), ref(pool.id, "rival")]) {
      await expect(getPool(control, stranger, reference)).rejects.toMatchObject({ code: "not_found" });
      await expect(deletePool(control, stranger, reference)).rejects.toMatchObject({ code: "not_found" });
      const grant = { pool: reference, workspaces: ["network"] };
      await expect(grantWorkspaces(control, stranger, grant)).rejects.toMatchObject({ code: "not_found" });
      const update = { reference, changes: { name: "mine" }, etag: "" };
      await expect(updatePool(control, stranger, update)).rejects.toMatchObject({ code: "not_found" });
    }
    const list = { organization: "acme", page: { size: 0, token: "" } };
    await expect(listPools(control, stranger, list)).rejects.toMatchObject({ code: "not_found" });
  });

  test("have so many grants, and those that are there may be given again", async () => {
    const { control, as } = fixture;
    const { pool } = await createPool(control, as("owner"), newPool("prod"));
    const names = Array.from({ length: maxGrants - 1 }, (_, n) => `ws-${n}`);
    await control.store.write((tx) => tx.pools.grant(pool.id, names));
    const grant = (...workspaces: readonly string[]) =>
      grantWorkspaces(control, as("operator"), { pool: ref("prod"), workspaces });
    await grant("last", "ws-1");
    await expect(grant("one-more")).rejects.toMatchObject({ code: "quota_exceeded" });
    expect((await grant("ws-2", "last")).grants).toHaveLength(maxGrants);
  });

  test("a repeated request makes one pool, and another request with its id is a mistake", async () => {
    const { control, as } = fixture;
    const who = as("owner");
    const first = await createPool(control, who, newPool("prod", { requestId: "r-1" }));
    expect(await createPool(control, who, newPool("prod", { requestId: "r-1" }))).toEqual(first);
    await expect(createPool(control, who, newPool("other", { requestId: "r-1" }))).rejects.toMatchObject({
      code: "request_id_reused",
    });
    await expect(createPool(control, who, newPool("prod"))).rejects.toMatchObject({
      code: "name_taken",
      metadata: { resource: "agent pool", name: "prod" },
    });
  });

  test("one that workspaces are assigned to is not deleted, and the error lists them", async () => {
    const { control, as } = fixture;
    const who = as("operator");
    await createPool(control, who, newPool("prod"));
    for (const name of ["network", "dns"]) {
      await createWorkspace(control, who, newWorkspace(name, { executionMode: "agent", pool: "prod" }));
    }
    await expect(deletePool(control, who, ref("prod"))).rejects.toMatchObject({
      code: "pool_in_use",
      message:
        'agent pool "prod" cannot be deleted: workspaces are assigned to it (dns, network). Assign them to another pool first',
      metadata: { pool: "prod", workspaces: "dns,network" },
    });
  });

  test("one whose agents still run a job is not deleted", async () => {
    const { control, as } = fixture;
    const who = as("operator");
    const { pool } = await createPool(control, who, newPool("prod"));
    const { workspace } = await createWorkspace(control, who, newWorkspace("network"));
    const agent = agentRow(pool);
    await control.store.write(async (tx) => {
      const run = runRow(workspace, { status: "planning" });
      await tx.agents.insert(agent);
      await tx.runs.insert(run);
      await tx.jobs.insert(jobRow(run, startedBy(agent)));
    });
    await expect(deletePool(control, who, ref("prod"))).rejects.toMatchObject({
      code: "pool_in_use",
      message: expect.stringMatching(/1 running and 0 queued jobs .*\(run_/),
      metadata: { runs: expect.stringMatching(/^run_/) },
    });
  });

  test("a deleted one takes its tokens along and sends its agents away", async () => {
    const { control, as } = fixture;
    const who = as("operator");
    const { pool } = await createPool(control, who, newPool("prod"));
    const { token } = await createAgentToken(control, who, { pool: ref("prod"), description: "", expiresInMs: null });
    const agent = agentRow(pool);
    await control.store.write((tx) => tx.agents.insert(agent));
    const { connected, closed } = fakeConnectedAgent({ agentId: agent.id, name: agent.name, poolId: pool.id });
    control.presence.enter(connected);
    await deletePool(control, who, ref("prod"));
    expect(closed).toEqual(["deleted"]);
    expect(await control.store.read((q) => q.tokens.get(token.id))).toBeUndefined();
  });

  test("narrowing its scope evicts nobody, and tells the dispatcher to look again", async () => {
    const { control, as } = fixture;
    const who = as("operator");
    await createPool(control, who, newPool("prod"));
    await createWorkspace(control, who, newWorkspace("network", { executionMode: "agent", pool: "prod" }));
    const seen = control.wake.version(topics.jobs);
    const update = { reference: ref("prod"), changes: { isOrganizationScoped: false }, etag: "1" };
    const view = await updatePool(control, who, update);
    expect(view).toMatchObject({ assigned: ["network"], pool: { isOrganizationScoped: false, version: 2 } });
    expect(control.wake.version(topics.jobs)).toBeGreaterThan(seen);
    expect(await getWorkspace(control, who, ref("network"))).toMatchObject({ poolName: "prod" });
    await expect(updatePool(control, who, update)).rejects.toMatchObject({ code: "etag_mismatch" });
  });
});

describe("grants", () => {
  test("a name may be granted before its workspace exists, an id may not", async () => {
    const { control, as, sibling } = fixture;
    const who = as("operator");
    await createPool(control, who, newPool("prod", { isOrganizationScoped: false, grants: ["later"] }));
    const { workspace } = await createWorkspace(control, who, newWorkspace("network"));
    const granted = await grantWorkspaces(control, who, { pool: ref("prod"), workspaces: [workspace.id, "dns"] });
    expect(granted.grants).toEqual(["dns", "later", "network"]);
    const foreign = await createWorkspace(
      control,
      as("owner", sibling),
      newWorkspace("theirs", {}, { organization: "rival" }),
    );
    const bad = { pool: ref("prod"), workspaces: [foreign.workspace.id] };
    await expect(grantWorkspaces(control, who, bad)).rejects.toMatchObject({ code: "not_found" });
    await expect(
      grantWorkspaces(control, who, { pool: ref("prod"), workspaces: ["-x", "Not A Name"] }),
    ).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: "workspaces[0]" }],
    });
    const left = await revokeWorkspaces(control, who, { pool: ref("prod"), workspaces: ["later", "network"] });
    expect(left.grants).toEqual(["dns"]);
  });

  test("they follow a workspace to its new name", async () => {
    const { control, as } = fixture;
    const who = as("operator");
    await createPool(control, who, newPool("prod", { isOrganizationScoped: false, grants: ["network"] }));
    await createPool(control, who, newPool("stage", { isOrganizationScoped: false, grants: ["other"] }));
    await createWorkspace(control, who, newWorkspace("network", { executionMode: "agent", pool: "prod" }));
    await updateWorkspace(control, who, { reference: ref("network"), changes: { name: "backbone" }, etag: "" });
    expect((await getPool(control, who, ref("prod"))).grants).toEqual(["backbone"]);
    expect((await getPool(control, who, ref("stage"))).grants).toEqual(["other"]);
  });
});
