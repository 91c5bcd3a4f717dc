import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../../test/engines.ts";
import { apiKey, at, browserSession, organization } from "../../../../test/support/store/rows.ts";
import { openStore } from "../../open.ts";
import type { Queries, Store } from "../../ports/store.ts";

const newest = { before: null, limit: 100 } as const;

describe.each(testEngines)("browser sessions on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.apiKeys.insert(apiKey());
      await tx.apiKeys.insert(apiKey({ id: "key_2", hash: "2" }));
      await tx.browserSessions.insert(browserSession({ id: "a", createdAt: at(1), lastUsedAt: at(9), endsAt: at(20) }));
      await tx.browserSessions.insert(browserSession({ id: "b", createdAt: at(2), lastUsedAt: at(8), endsAt: at(10) }));
      await tx.browserSessions.insert(browserSession({ id: "c", apiKeyId: "key_2", endsAt: at(30) }));
    });
  });
  afterEach(() => held.disposeAsync());

  const ids = async (look: (q: Queries) => Promise<readonly { readonly id: string }[]>) =>
    (await store.read(look)).map(({ id }) => id);

  test("are found by id and by hash, and listed newest first as long as they last", async () => {
    const row = browserSession({ id: "a", createdAt: at(1), lastUsedAt: at(9), endsAt: at(20) });
    expect(await store.read((q) => q.browserSessions.get("a"))).toEqual(row);
    expect(await store.read((q) => q.browserSessions.byHash("hash-of-a"))).toEqual(row);
    expect(await store.read((q) => q.browserSessions.byHash("hash-of-x"))).toBeUndefined();
    expect(await ids((q) => q.browserSessions.list("key_1", at(5), newest))).toEqual(["b", "a"]);
    expect(await ids((q) => q.browserSessions.list("key_1", at(10), newest))).toEqual(["a"]);
    expect(await ids((q) => q.browserSessions.ofKey("key_1"))).toEqual(["b", "a"]);
  });

  test("are used: their end moves on, unless somebody wrote that a moment ago", async () => {
    const use = (ifBefore: Date) => ({ at: at(15), ifBefore, address: "10.0.0.1", endsAt: at(99) });
    await store.step((tx) => tx.browserSessions.touch("a", use(at(8))));
    expect(await store.read((q) => q.browserSessions.get("a"))).toMatchObject({ lastUsedAt: at(9), endsAt: at(20) });
    await store.step((tx) => tx.browserSessions.touch("a", use(at(9))));
    const used = { lastUsedAt: at(15), lastUsedAddress: "10.0.0.1", endsAt: at(99) };
    expect(await store.read((q) => q.browserSessions.get("a"))).toMatchObject(used);
  });

  test("go one by one, with their key, and by their end, the oldest first", async () => {
    expect(await store.read((q) => q.browserSessions.countEnded(at(20)))).toBe(2);
    expect(await store.step((tx) => tx.browserSessions.deleteEnded(at(20), 1))).toBe(1);
    expect(await store.read((q) => q.browserSessions.get("b"))).toBeUndefined();
    expect(await store.step((tx) => tx.browserSessions.deleteEnded(at(20), 9))).toBe(1);
    expect(await store.step((tx) => tx.browserSessions.deleteEnded(at(20), 9))).toBe(0);
    expect(await store.step((tx) => tx.browserSessions.deleteOfKey("key_2"))).toBe(1);
    await store.write((tx) => tx.browserSessions.insert(browserSession({ id: "d", apiKeyId: "key_2" })));
    await store.write((tx) => tx.upkeep.deleteKey("key_2"));
    expect(await ids((q) => q.browserSessions.ofKey("key_2"))).toEqual([]);
    await store.write((tx) => tx.browserSessions.insert(browserSession({ id: "e" })));
    await store.write((tx) => tx.browserSessions.delete("e"));
    expect(await store.read((q) => q.browserSessions.get("e"))).toBeUndefined();
  });
});
