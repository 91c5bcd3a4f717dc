import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import type { Person } from "../../domain/people/principal.ts";
import { hashToken } from "../../lib/words/tokens.ts";
import { revokeApiKey, rotateApiKey } from "./api-key-ends.ts";
import { createApiKey, getApiKey, issueApiKey, listApiKeys, type WantedApiKey } from "./api-keys.ts";
import { authenticate } from "./authentication.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;

let fixture: TestControl;
/** The key of the first start. */
let first: Person;
beforeEach(async () => {
  fixture = await openTestControl();
  const { key } = await createApiKey(fixture.control, { name: "admin", role: "site_admin", organizationId: null });
  first = { kind: "api_key", id: key.id, name: key.name, role: "site_admin", organizationId: null };
});
afterEach(() => fixture[Symbol.asyncDispose]());

const wanted = (over: Partial<WantedApiKey> = {}): WantedApiKey => ({
  ...{ organization: "", name: "ci", role: "operator", expiresInMs: null },
  ...over,
});
const rotation = (id: string, over: object = {}) => ({ id, overlapMs: null, expiresInMs: null, ...over });

/** The holder of a key, as calls with its secret are made. */
const holder = async (secret: string) => (await authenticate(fixture.control, secret)) as Person;

describe("creating", () => {
  test("an owner makes keys of every role below, in the own organization; only the hash is kept", async () => {
    const { control, as, organization } = fixture;
    const { key, secret, organizationName } = await issueApiKey(control, as("owner"), wanted());
    expect([organizationName, key.role, key.createdBy]).toEqual(["acme", "operator", expect.stringContaining("key_")]);
    expect(key.expiresAt).toEqual(new Date(control.clock.now().getTime() + 90 * dayMs));
    expect(key).toMatchObject({ organizationId: organization.id, hash: hashToken(secret) });
    expect(JSON.stringify(key)).not.toContain(secret);
    expect(await holder(secret)).toMatchObject({ role: "operator", id: key.id });
  });

  test("nobody gives more than they have", async () => {
    const { control, as } = fixture;
    const denied = { code: "permission_denied" };
    const make = (who: Person, over: Partial<WantedApiKey>) => issueApiKey(control, who, wanted(over));
    await expect(make(as("owner"), { role: "site_admin" })).rejects.toMatchObject(denied);
    await expect(make(as("operator"), { role: "reader" })).rejects.toMatchObject(denied);
    await expect(make(as("owner"), { organization: "rival" })).rejects.toMatchObject({ code: "not_found" });
    expect((await make(as("owner"), { role: "owner" })).key.role).toBe("owner");
  });

  test("a site admin makes any, and names the organization unless it is a site admin's", async () => {
    const { control } = fixture;
    const make = (over: Partial<WantedApiKey>) => issueApiKey(control, first, wanted(over));
    await expect(make({ role: "reader" })).rejects.toMatchObject({ code: "organization_required" });
    expect((await make({ role: "reader", organization: "rival" })).organizationName).toBe("rival");
    expect((await make({ role: "site_admin" })).key.organizationId).toBeNull();
    const fields = [{ field: "organization", description: expect.stringContaining("no organization") }];
    await expect(make({ role: "site_admin", organization: "acme" })).rejects.toMatchObject({ fields });
  });

  test("a lifetime is from a second to ten years, or for ever", async () => {
    const { control, as } = fixture;
    const make = (expiresInMs: number) => issueApiKey(control, as("owner"), wanted({ expiresInMs }));
    expect((await make(0)).key.expiresAt).toBeNull();
    for (const expiresInMs of [1, 3651 * dayMs]) {
      await expect(make(expiresInMs)).rejects.toMatchObject({ fields: [{ field: "expires_in" }] });
    }
  });
});

describe("looking", () => {
  test("an owner sees the keys of the organization, a site admin every key, newest first", async () => {
    const { control, as, clock } = fixture;
    const page = { size: 0, token: "" };
    await clock.advance(1);
    const { key } = await issueApiKey(control, as("owner"), wanted());
    const namesFor = async (who: Person, organization = "") =>
      (await listApiKeys(control, who, { organization, page })).rows.map((view) => view.key.name);
    expect(await namesFor(as("owner"))).toEqual(["ci"]);
    expect(await namesFor(first)).toEqual(["ci", "admin"]);
    expect(await namesFor(first, "rival")).toEqual([]);
    await expect(getApiKey(control, as("owner"), first.id)).rejects.toMatchObject({ code: "not_found" });
    expect(await getApiKey(control, as("owner"), key.id)).toMatchObject({ isActive: true, organizationName: "acme" });
  });

  test("the last use and its address are written down, at most once a minute", async () => {
    const { control, as, clock } = fixture;
    const { key, secret } = await issueApiKey(control, as("owner"), wanted());
    const use = async (address: string) => {
      await authenticate(control, secret, { address });
      return (await getApiKey(control, as("owner"), key.id)).key.lastUsedAddress;
    };
    expect(await use("10.0.0.1")).toBe("10.0.0.1");
    expect(await use("10.0.0.2")).toBe("10.0.0.1");
    await clock.advance(60_000);
    expect(await use("10.0.0.2")).toBe("10.0.0.2");
  });
});

describe("rotating", () => {
  test("the new key is good for as long as the old one was, which goes on for the overlap", async () => {
    const { control, as, clock } = fixture;
    const old = await issueApiKey(control, as("owner"), wanted({ expiresInMs: 10 * dayMs }));
    await clock.advance(dayMs);
    const { made, secret, replaced } = await rotateApiKey(control, as("owner"), rotation(old.key.id));
    const now = clock.now().getTime();
    expect(made.key).toMatchObject({ role: "operator", name: "ci", expiresAt: new Date(now + 10 * dayMs) });
    expect(replaced.key).toMatchObject({ replacedBy: made.key.id, expiresAt: new Date(now + hourMs) });
    expect([(await holder(secret)).id, (await holder(old.secret)).id]).toEqual([made.key.id, old.key.id]);
    await clock.advance(hourMs);
    await expect(holder(old.secret)).rejects.toMatchObject({ code: "token_expired" });
    expect((await holder(secret)).id).toBe(made.key.id);
  });

  test("an overlap never makes the old key last longer, and none ends it at once", async () => {
    const { control, as } = fixture;
    const short = await issueApiKey(control, as("owner"), wanted({ expiresInMs: 60_000 }));
    const { replaced } = await rotateApiKey(control, as("owner"), rotation(short.key.id));
    expect(replaced.key.expiresAt).toEqual(short.key.expiresAt);
    const other = await issueApiKey(control, as("owner"), wanted());
    await rotateApiKey(control, as("owner"), rotation(other.key.id, { overlapMs: 0 }));
    await expect(holder(other.secret)).rejects.toMatchObject({ code: "token_expired" });
  });

  test("everybody rotates their own key, and no other; longer it lasts only for who manages keys", async () => {
    const { control, as } = fixture;
    const mine = await issueApiKey(control, as("owner"), wanted({ role: "reader", expiresInMs: dayMs }));
    const theirs = await issueApiKey(control, as("owner"), wanted());
    const me = await holder(mine.secret);
    const rotate = (id: string, over: object = {}) => rotateApiKey(control, me, rotation(id, over));
    await expect(rotate(theirs.key.id)).rejects.toMatchObject({ code: "permission_denied" });
    await expect(rotate(me.id, { expiresInMs: 0 })).rejects.toMatchObject({ code: "permission_denied" });
    await expect(rotate(me.id, { expiresInMs: 2 * dayMs })).rejects.toMatchObject({ code: "permission_denied" });
    const { made } = await rotate(me.id);
    expect(made.key.role).toBe("reader");
    await expect(rotate(me.id)).rejects.toMatchObject({ code: "not_rotatable", metadata: { id: me.id } });
  });
});

describe("revoking", () => {
  test("a revoked key is refused at once, and revoking again changes nothing", async () => {
    const { control, as, clock } = fixture;
    const { key, secret } = await issueApiKey(control, as("owner"), wanted());
    const { isActive, key: revoked } = await revokeApiKey(control, as("owner"), key.id);
    expect([isActive, revoked.revokedAt]).toEqual([false, clock.now()]);
    await expect(holder(secret)).rejects.toMatchObject({ code: "token_revoked" });
    await clock.advance(1000);
    expect((await revokeApiKey(control, as("owner"), key.id)).key.revokedAt).toEqual(revoked.revokedAt);
    await expect(rotateApiKey(control, as("owner"), rotation(key.id))).rejects.toMatchObject({ code: "not_rotatable" });
  });

  test("the last key of a site admin that does not expire stays, also from being replaced by one that does", async () => {
    const { control } = fixture;
    await issueApiKey(control, first, wanted({ role: "site_admin" }));
    await expect(revokeApiKey(control, first, first.id)).rejects.toMatchObject({ code: "last_admin_key" });
    const shorter = rotation(first.id, { expiresInMs: dayMs });
    await expect(rotateApiKey(control, first, shorter)).rejects.toMatchObject({ code: "last_admin_key" });
    const { made } = await rotateApiKey(control, first, rotation(first.id));
    expect(made.key.expiresAt).toBeNull();
    expect((await revokeApiKey(control, first, first.id)).isActive).toBe(false);
    await expect(revokeApiKey(control, first, made.key.id)).rejects.toMatchObject({ code: "last_admin_key" });
  });
});
