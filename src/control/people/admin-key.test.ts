import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { apiKey } from "../../../test/support/store/rows.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import { newId } from "../../lib/words/ids.ts";
import { makeAdminKey, revokeReplaced } from "./admin-key.ts";
import { authenticate } from "./authentication.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const keep = async (change: Partial<ApiKey>): Promise<ApiKey> => {
  const id = newId("key", fixture.control.random);
  const key = apiKey({ id, hash: id, name: "admin", role: "site_admin", organizationId: null, ...change });
  await fixture.control.store.write((tx) => tx.apiKeys.insert(key));
  return key;
};
const now = (id: ApiKey["id"]) => fixture.control.store.read((q) => q.apiKeys.get(id));
const records = () =>
  fixture.control.store.read((q) => {
    const filter = { organizationId: null, action: "key.", actor: "", resource: "", since: null, until: null };
    return q.audit.list(filter, { before: null, limit: 20 });
  });

describe("another key of the first admin", () => {
  test("opens the server at once, beside the old one, which works until the new one is safe", async () => {
    const { control } = fixture;
    const first = await makeAdminKey(control);
    const second = await makeAdminKey(control);
    expect(second.old.map(({ id }) => id)).toEqual([first.key.id]);
    expect(await authenticate(control, first.secret)).toMatchObject({ id: first.key.id, role: "site_admin" });
    expect(await authenticate(control, second.secret)).toMatchObject({ id: second.key.id, organizationId: null });
    await revokeReplaced(control, second);
    await expect(authenticate(control, first.secret)).rejects.toMatchObject({ code: "token_revoked" });
    expect(await authenticate(control, second.secret)).toMatchObject({ id: second.key.id });
  });

  test("replaces site admins' keys of that name alone, and says which replaced them", async () => {
    const { control, organization, clock } = fixture;
    const old = await keep({});
    const spared = [await keep({ name: "ops" }), await keep({ role: "owner", organizationId: organization.id })];
    const made = await makeAdminKey(control);
    expect(made.old.map(({ id }) => id)).toEqual([old.id]);
    await clock.advance(1_000);
    await revokeReplaced(control, made);
    expect(await now(old.id)).toMatchObject({ revokedAt: clock.now(), replacedBy: made.key.id });
    for (const { id } of spared) expect(await now(id)).toMatchObject({ revokedAt: null, replacedBy: null });
    expect(await records()).toMatchObject([
      { action: "key.revoke", actor: "system", resource: old.id, detail: { replaced_by: made.key.id } },
      { action: "key.create", actor: "system", resource: made.key.id, detail: { name: "admin", role: "site_admin" } },
    ]);
  });

  test("leaves alone what somebody has revoked or deleted meanwhile", async () => {
    const { control, clock } = fixture;
    const [revoked, deleted] = [await keep({}), await keep({})];
    const made = await makeAdminKey(control);
    const revokedAt = clock.now();
    await control.store.write(async (tx) => {
      await tx.apiKeys.save({ ...revoked, revokedAt });
      await tx.upkeep.deleteKey(deleted.id);
    });
    await clock.advance(1_000);
    await revokeReplaced(control, made);
    expect(await now(revoked.id)).toMatchObject({ revokedAt, replacedBy: null });
    expect((await records()).map(({ action }) => action)).toEqual(["key.create"]);
  });

  test("its secret stands nowhere in the database", async () => {
    const { key, secret } = await makeAdminKey(fixture.control);
    expect(JSON.stringify([await now(key.id), await records()])).not.toContain(secret);
    expect(secret.startsWith(key.prefix)).toBe(true);
  });
});
