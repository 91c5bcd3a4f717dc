import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { WakeUps } from "../../lib/async/wake-ups.ts";
import type { Store } from "../../store/ports/store.ts";
import { type Control, topics } from "../core/control.ts";
import { believedMs, KnownKeys } from "../core/credentials.ts";
import { revokeApiKey, rotateApiKey } from "./api-key-ends.ts";
import { createApiKey, issueApiKey } from "./api-keys.ts";
import { authenticate } from "./authentication.ts";
import { deleteOrganization } from "./organization-deletion.ts";

let fixture: TestControl;
let reads = 0;

/** The same control plane, which counts what is read of its store. */
function counting(control: Control): Control {
  const store = new Proxy(control.store, {
    get: (target, name) => {
      if (name === "read") reads += 1;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return { ...control, store };
}

/** Another process at the same database, which hears of nothing that this one does. */
function deafReplica({ control, clock }: TestControl): Control {
  const wake = new WakeUps(clock);
  return { ...control, wake, knownKeys: new KnownKeys(wake, clock, topics.key) };
}

beforeEach(async () => {
  fixture = await openTestControl();
  reads = 0;
});
afterEach(() => fixture[Symbol.asyncDispose]());

const ownersKey = async (expiresInMs: number | null = null) => {
  const { control, admin, organization } = fixture;
  return issueApiKey(control, admin, { organization: organization.name, name: "ci", role: "owner", expiresInMs });
};

describe("a key that was shown a moment ago", () => {
  test("is not read again", async () => {
    const { secret } = await ownersKey();
    const control = counting(fixture.control);
    // The first use is written down, and what was read before it is forgotten.
    for (let call = 0; call < 10; call++) expect(await authenticate(control, secret)).toMatchObject({ name: "ci" });
    expect(reads).toBe(2);
  });

  test("is read again after a while", async () => {
    const { secret } = await ownersKey();
    const control = counting(fixture.control);
    for (let call = 0; call < 4; call++) await authenticate(control, secret);
    await fixture.clock.advance(believedMs);
    for (let call = 0; call < 4; call++) await authenticate(control, secret);
    expect(reads).toBe(3);
  });

  test("calls from the address of its call, whoever showed it before", async () => {
    const { secret } = await ownersKey();
    for (const address of ["192.0.2.1", "192.0.2.2"])
      expect(await authenticate(fixture.control, secret, { address })).toMatchObject({ address });
  });

  test("is refused as soon as its revocation is answered", async () => {
    const { control, as } = fixture;
    const { key, secret } = await ownersKey();
    for (let call = 0; call < 2; call++) await authenticate(control, secret);
    await revokeApiKey(control, as("owner"), key.id);
    await expect(authenticate(control, secret)).rejects.toMatchObject({ code: "token_revoked" });
  });

  test("is refused as soon as it is rotated away without an overlap", async () => {
    const { control, as } = fixture;
    const { key, secret } = await ownersKey();
    for (let call = 0; call < 2; call++) await authenticate(control, secret);
    await rotateApiKey(control, as("owner"), { id: key.id, overlapMs: 0, expiresInMs: null });
    await expect(authenticate(control, secret)).rejects.toMatchObject({ code: "token_expired" });
  });

  test("is refused as soon as it has expired", async () => {
    const { control, clock } = fixture;
    const { secret } = await ownersKey(1_000);
    await clock.advance(999);
    for (let call = 0; call < 3; call++) await authenticate(control, secret);
    await clock.advance(1);
    await expect(authenticate(control, secret)).rejects.toMatchObject({ code: "token_expired" });
  });

  test("is refused as soon as its organization is deleted", async () => {
    const { control, admin, organization } = fixture;
    const { secret } = await ownersKey();
    for (let call = 0; call < 2; call++) await authenticate(control, secret);
    await deleteOrganization(control, admin, { organization: organization.name, isForced: true });
    await expect(authenticate(control, secret)).rejects.toMatchObject({ code: "token_invalid" });
  });

  test("is refused by another process as soon as that hears of its revocation", async () => {
    const { control, as } = fixture;
    const other = deafReplica(fixture);
    const { key, secret } = await ownersKey();
    for (let call = 0; call < 2; call++) await authenticate(other, secret);
    await revokeApiKey(control, as("owner"), key.id);
    other.wake.hear(topics.key(key.id));
    await expect(authenticate(other, secret)).rejects.toMatchObject({ code: "token_revoked" });
  });

  test("is refused by one that hears nothing a second after its revocation at the latest", async () => {
    const { control, as, clock } = fixture;
    const other = deafReplica(fixture);
    const { key, secret } = await ownersKey();
    for (let call = 0; call < 2; call++) await authenticate(other, secret);
    await revokeApiKey(control, as("owner"), key.id);
    expect(await authenticate(other, secret)).toMatchObject({ id: key.id });
    await clock.advance(believedMs);
    await expect(authenticate(other, secret)).rejects.toMatchObject({ code: "token_revoked" });
  });
});

describe("what is remembered", () => {
  test("is not what was read before a change and came after it", async () => {
    const { control, as } = fixture;
    const { key } = await ownersKey();
    const slow: Pick<Store, "read"> = {
      read: async (run) => {
        const found = await control.store.read(run);
        await revokeApiKey(control, as("owner"), key.id);
        return found;
      },
    };
    const found = await control.knownKeys.byId({ ...control.store, ...slow }, key.id);
    expect(found).toMatchObject({ revokedAt: null });
    expect(control.knownKeys.recent(key.id)).toBeUndefined();
  });

  test("is no key that is not there: it counts as soon as it is", async () => {
    const { control, clock } = fixture;
    const { key } = await createApiKey(control, { name: "ci", role: "site_admin", organizationId: null });
    const later = { ...key, id: "key_later" as const, hash: "later" };
    expect(await control.knownKeys.byId(control.store, later.id)).toBeUndefined();
    await control.store.write((tx) => tx.apiKeys.insert(later));
    expect(await control.knownKeys.byId(control.store, later.id)).toMatchObject({ id: later.id });
    expect(await control.knownKeys.byHash(control.store, later.hash)).toMatchObject({ createdAt: clock.now() });
  });

  test("is bounded: the key that was read first goes first", async () => {
    const { control } = fixture;
    const { key } = await createApiKey(control, { name: "ci", role: "site_admin", organizationId: null });
    const ids = Array.from({ length: 1_001 }, (_, number) => `key_${number}` as const);
    const store: Pick<Store, "read"> = { read: async () => ({ ...key, id: ids[at], hash: `${at}` }) as never };
    let at = 0;
    for (; at < ids.length; at++) await control.knownKeys.byHash({ ...control.store, ...store }, `${at}`);
    expect(control.knownKeys.recent("key_0")).toBeUndefined();
    expect(control.knownKeys.recent("key_1")).toBeDefined();
    expect(control.knownKeys.recent("key_1000")).toBeDefined();
  });
});
