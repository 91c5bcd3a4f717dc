import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace } from "../../../test/support/wanted.ts";
import { newId } from "../../lib/words/ids.ts";
import { createPool } from "../agents/pools.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { deleteOrganization } from "./organization-deletion.ts";
import { createOrganization, getOrganization, listOrganizations, updateOrganization } from "./organizations.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const firstPage = { size: 0, token: "" };

describe("organizations", () => {
  test("only a site admin creates one", async () => {
    const { control, admin, as } = fixture;
    const wanted = { name: "initech", maxAgents: 3, requestId: "" };
    await expect(createOrganization(control, as("owner"), wanted)).rejects.toMatchObject({ code: "permission_denied" });
    expect(await createOrganization(control, admin, wanted)).toMatchObject({
      name: "initech",
      maxAgents: 3,
      version: 1,
    });
    await expect(createOrganization(control, admin, wanted)).rejects.toMatchObject({
      code: "name_taken",
      metadata: { resource: "organization", name: "initech" },
    });
  });

  test("names that differ in the case of their letters alone are one name, and what looks like an id is none", async () => {
    const { control, admin } = fixture;
    const create = (name: string) => createOrganization(control, admin, { name, requestId: "" });
    const made = await create("Initech_Sales-and-Marketing-of-the-North");
    await expect(create("initech_sales-AND-marketing-of-the-north")).rejects.toMatchObject({ code: "name_taken" });
    await expect(create(made.id)).rejects.toMatchObject({ code: "validation" });
    const rename = (name: string) =>
      updateOrganization(control, admin, { organization: made.id, changes: { name }, etag: "" });
    await expect(rename("ACME")).rejects.toMatchObject({ code: "name_taken", metadata: { name: "acme" } });
    expect((await rename("INITECH")).name).toBe("INITECH");
    expect((await rename("Initech")).name).toBe("Initech");
  });

  test("another tenant's does not exist", async () => {
    const { control, as, sibling } = fixture;
    for (const reference of [sibling.name, sibling.id]) {
      await expect(getOrganization(control, as("owner"), reference)).rejects.toMatchObject({ code: "not_found" });
      const update = { organization: reference, changes: { maxAgents: 1 }, etag: "" };
      await expect(updateOrganization(control, as("owner"), update)).rejects.toMatchObject({ code: "not_found" });
      await expect(
        deleteOrganization(control, as("owner"), { organization: reference, isForced: false }),
      ).rejects.toMatchObject({ code: "not_found" });
    }
    expect((await listOrganizations(control, as("reader"), firstPage)).rows.map(({ name }) => name)).toEqual(["acme"]);
  });

  test("an empty name is the only one, and several need a name", async () => {
    const { control, admin, as } = fixture;
    expect((await getOrganization(control, as("reader"), "")).name).toBe("acme");
    await expect(getOrganization(control, admin, "")).rejects.toMatchObject({
      code: "organization_required",
      metadata: { organizations: "acme,rival" },
    });
  });

  test("owners change one, and nobody overwrites a change they have not seen", async () => {
    const { control, as } = fixture;
    const update = { organization: "acme", changes: { maxAgents: 5 }, etag: "1" };
    await expect(updateOrganization(control, as("operator"), update)).rejects.toMatchObject({
      code: "permission_denied",
    });
    expect(await updateOrganization(control, as("owner"), update)).toMatchObject({
      maxAgents: 5,
      version: 2,
      name: "acme",
    });
    await expect(updateOrganization(control, as("owner"), update)).rejects.toMatchObject({
      code: "etag_mismatch",
      metadata: { current_etag: "2" },
    });
    const taken = { organization: "acme", changes: { name: "rival" }, etag: "" };
    await expect(updateOrganization(control, as("owner"), taken)).rejects.toMatchObject({ code: "name_taken" });
  });

  test("says what new workspaces get, how many there may be, and how many agents are here", async () => {
    const { control, admin, as, organization } = fixture;
    const changes = { defaultExecutionMode: "local", defaultEngine: "tofu", defaultEngineVersion: " ~> 1.9 " } as const;
    const update = { organization: "acme", changes, etag: "" };
    expect(await updateOrganization(control, as("owner"), update)).toMatchObject({
      ...changes,
      defaultEngineVersion: "~> 1.9",
    });
    const unsaid = { executionMode: null, engine: null } as const;
    expect((await createWorkspace(control, as("owner"), newWorkspace("one", unsaid))).workspace).toMatchObject({
      executionMode: "local",
      engine: "tofu",
      engineVersion: "~> 1.9",
    });
    const quota = { organization: "acme", changes: { maxWorkspaces: 1 }, etag: "" };
    await expect(updateOrganization(control, as("owner"), quota)).rejects.toMatchObject({ code: "permission_denied" });
    await updateOrganization(control, admin, quota);
    await expect(createWorkspace(control, as("owner"), newWorkspace("two"))).rejects.toMatchObject({
      code: "quota_exceeded",
      metadata: { limit: "1" },
    });
    const bad = { organization: "acme", changes: { defaultEngineVersion: "newest" }, etag: "" };
    await expect(updateOrganization(control, as("owner"), bad)).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: "changes.default_engine_version" }],
    });
    const { pool } = await createPool(control, as("owner"), newPool("prod"));
    await control.store.write(async (tx) => {
      for (const status of ["idle", "unknown", "exited"] as const) await tx.agents.insert(agentRow(pool, { status }));
    });
    expect(await getOrganization(control, as("reader"), organization.id)).toMatchObject({ connectedAgents: 2 });
    expect(
      (await listOrganizations(control, admin, firstPage)).rows.map(({ name, connectedAgents }) => [
        name,
        connectedAgents,
      ]),
    ).toEqual([
      ["acme", 2],
      ["rival", 0],
    ]);
  });

  test("one that owns a variable set is not deleted", async () => {
    const { control, admin, organization, clock } = fixture;
    const times = { createdAt: clock.now(), updatedAt: clock.now(), version: 1 };
    await control.store.write((tx) =>
      tx.variableSets.insert({
        id: newId("vset", control.random),
        organizationId: organization.id,
        ...{ name: "shared", description: "", isGlobal: false, isPriority: false, ...times },
      }),
    );
    await expect(deleteOrganization(control, admin, { organization: "acme", isForced: false })).rejects.toMatchObject({
      code: "organization_in_use",
      metadata: { variable_sets: "shared" },
    });
  });

  test("one that owns something is not deleted, and the error lists what is left", async () => {
    const { control, admin, as } = fixture;
    const pool = {
      organization: "acme",
      name: "prod",
      description: "",
      isOrganizationScoped: true,
      grants: [],
      requestId: "",
    };
    await createPool(control, as("owner"), pool);
    await expect(
      deleteOrganization(control, as("owner"), { organization: "acme", isForced: false }),
    ).rejects.toMatchObject({ code: "permission_denied" });
    await expect(deleteOrganization(control, admin, { organization: "acme", isForced: false })).rejects.toMatchObject({
      code: "organization_in_use",
      message: 'organization "acme" still owns agent pools prod: delete them first, or delete it with force',
      metadata: { pools: "prod", workspaces: "", variable_sets: "" },
    });
    await deleteOrganization(control, admin, { organization: "rival", isForced: false });
    expect((await listOrganizations(control, admin, firstPage)).rows.map(({ name }) => name)).toEqual(["acme"]);
  });

  test("a page ends where the next one begins", async () => {
    const { control, admin } = fixture;
    for (const name of ["beta", "gamma"])
      await createOrganization(control, admin, { name, maxAgents: 0, requestId: "" });
    const one = await listOrganizations(control, admin, { size: 3, token: "" });
    const two = await listOrganizations(control, admin, { size: 3, token: one.nextToken });
    expect([...one.rows, ...two.rows].map(({ name }) => name)).toEqual(["acme", "beta", "gamma", "rival"]);
    expect([one.rows.length, two.nextToken]).toEqual([3, ""]);
    await expect(listOrganizations(control, admin, { size: 3, token: "bogus" })).rejects.toMatchObject({
      code: "validation",
      fields: [{ field: "page_token" }],
    });
  });
});
