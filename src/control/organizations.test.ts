import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { createPool } from "./agent-pools.ts";
import {
  createOrganization,
  deleteOrganization,
  getOrganization,
  listOrganizations,
  updateOrganization,
} from "./organizations.ts";

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

  test("another tenant's does not exist", async () => {
    const { control, as, sibling } = fixture;
    for (const reference of [sibling.name, sibling.id]) {
      await expect(getOrganization(control, as("owner"), reference)).rejects.toMatchObject({ code: "not_found" });
      const update = { organization: reference, changes: { maxAgents: 1 }, etag: "" };
      await expect(updateOrganization(control, as("owner"), update)).rejects.toMatchObject({ code: "not_found" });
      await expect(deleteOrganization(control, as("owner"), reference)).rejects.toMatchObject({ code: "not_found" });
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
    await expect(deleteOrganization(control, as("owner"), "acme")).rejects.toMatchObject({ code: "permission_denied" });
    await expect(deleteOrganization(control, admin, "acme")).rejects.toMatchObject({
      code: "organization_in_use",
      message: 'organization "acme" still owns agent pools prod: delete them first',
      metadata: { pools: "prod", workspaces: "" },
    });
    await deleteOrganization(control, admin, "rival");
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
