import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { issueApiKey } from "../people/api-keys.ts";
import { findIds } from "./find-ids.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** So much of an id is enough for the server to look. */
const beginningOf = (id: string): string => id.slice(0, id.indexOf("_") + 9);

test("a person finds what belongs to the own organization, and a site admin what belongs to any", async () => {
  const { control, as, admin, organization, sibling } = fixture;
  const pool = { organization: "", name: "prod" };
  const wanted = { ...pool, description: "", isOrganizationScoped: true, grants: [], requestId: "" };
  const made = await createPool(control, as("owner"), wanted);
  const { token } = await createAgentToken(control, as("owner"), { pool, description: "vm-7", expiresInMs: null });
  const ids = [made.pool.id, token.id, organization.id];
  for (const id of ids) {
    expect(await findIds(control, as("reader"), beginningOf(id))).toEqual([id]);
    expect(await findIds(control, as("owner", sibling), beginningOf(id))).toEqual([]);
    expect(await findIds(control, admin, beginningOf(id))).toEqual([id]);
  }
});

test("keys are found by those who manage them", async () => {
  const { control, as } = fixture;
  const wanted = { organization: "", name: "ci", role: "reader", expiresInMs: null } as const;
  const { key } = await issueApiKey(control, as("owner"), wanted);
  expect(await findIds(control, as("operator"), beginningOf(key.id))).toEqual([]);
  expect(await findIds(control, as("owner"), beginningOf(key.id))).toEqual([key.id]);
});

test("a kind that does not exist has no ids", async () => {
  expect(await findIds(fixture.control, fixture.admin, "nope_0123")).toEqual([]);
});
