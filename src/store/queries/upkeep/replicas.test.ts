import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../../test/engines.ts";
import {
  agent,
  at,
  claimedJob,
  configuration,
  organization,
  pool,
  run,
  token,
  workspace,
} from "../../../../test/support/store/rows.ts";
import type { ToldAgent } from "../../../domain/runs/told-agent.ts";
import { openStore } from "../../open.ts";
import type { PresenceRow, ReplicaWord } from "../../ports/replicas.ts";
import type { Queries, Store } from "../../ports/store.ts";

const word = (change: Partial<ReplicaWord> = {}): ReplicaWord => ({
  ...{ id: "one", name: "host", version: "1.0.0", address: "host:7070" },
  ...{ startedAt: at(0), clockAt: at(1), beats: 1, losses: 0 },
  ...change,
});

const facts: ToldAgent = {
  ...{ isArriving: false, name: "vm-1", version: "1.0.0", poolId: "apool_1", bootId: "boot", concurrency: 2 },
  ...{ labels: { zone: "ä" }, engines: null, features: ["excludes"], unmet: { a: "b" }, jobs: { job_1: 3 } },
  ...{ takesJobs: true, refusal: "", wayProblem: "", declined: {}, freeDiskBytes: "12", progress: {} },
};

const told = (change: Partial<PresenceRow> = {}): PresenceRow => ({
  ...{ agentId: "agent_1", replicaId: "one", sessionEpoch: 1, version: 1, facts },
  ...change,
});

describe.each(testEngines)("replicas on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
  });
  afterEach(() => held.disposeAsync());

  const step = <T>(work: (tx: Queries) => Promise<T>) => store.step(work);
  const all = () => store.read((q) => q.replicas.all());

  test("a process enters, beats and leaves; the database says when it was seen", async () => {
    expect(await step((tx) => tx.replicas.beat(word()))).toBe(false);
    await step((tx) => tx.replicas.enter(word()));
    await step((tx) => tx.replicas.enter(word({ id: "two", startedAt: at(5) })));
    const before = Date.now();
    expect(await step((tx) => tx.replicas.beat(word({ beats: 2, address: "new:1" })))).toBe(true);
    const [one, two] = await all();
    expect(one).toMatchObject({ ...word({ beats: 2, address: "new:1" }), lostAt: null });
    expect(Math.abs((one?.seenAt.getTime() ?? 0) - before)).toBeLessThan(60_000);
    expect(two?.id).toBe("two");
    await step((tx) => tx.replicas.leave("one"));
    expect((await all()).map(({ id }) => id)).toEqual(["two"]);
  });

  test("one that has not moved on is lost, once; it does not beat any more, and may enter again", async () => {
    await step((tx) => tx.replicas.enter(word()));
    await step((tx) => tx.replicas.enter(word({ id: "two", beats: 7 })));
    const seen = [
      { id: "one", beats: 1 },
      { id: "two", beats: 6 },
    ];
    expect(await step((tx) => tx.replicas.lose(seen, at(9)))).toEqual(["one"]);
    expect(await step((tx) => tx.replicas.lose(seen, at(9)))).toEqual([]);
    expect(await step((tx) => tx.replicas.beat(word({ beats: 2 })))).toBe(false);
    await step((tx) => tx.replicas.forget(at(9)));
    expect((await all()).map(({ id, lostAt }) => [id, lostAt])).toEqual([
      ["one", at(9)],
      ["two", null],
    ]);
    await step((tx) => tx.replicas.enter(word({ beats: 2 })));
    expect((await all())[0]).toMatchObject({ id: "one", beats: 2, lostAt: null });
    await step((tx) => tx.replicas.lose([{ id: "one", beats: 2 }], at(9)));
    await step((tx) => tx.replicas.forget(at(10)));
    expect((await all()).map(({ id }) => id)).toEqual(["two"]);
  });

  test("agents of processes that are gone are connected to nobody", async () => {
    const agents = [
      ["agent_1", "one"],
      ["agent_2", "two"],
      ["agent_3", null],
    ] as const;
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.pools.insert(pool());
      for (const [id, replicaId] of agents) await tx.agents.insert(agent({ id, replicaId, connectedTo: "host" }));
    });
    const connected = async () =>
      (await store.read((q) => q.agents.byIds(agents.map(([id]) => id))))
        .filter(({ connectedTo }) => connectedTo !== "")
        .map(({ id }) => id)
        .toSorted();
    await step((tx) => tx.agents.disconnectFrom([]));
    expect(await connected()).toHaveLength(3);
    await step((tx) => tx.agents.disconnectFrom(["two"]));
    expect(await connected()).toEqual(["agent_1", "agent_3"]);
    await step((tx) => tx.agents.disconnectBut(["one"]));
    expect(await connected()).toEqual(["agent_1"]);
    await step((tx) => tx.agents.disconnectBut([]));
    expect(await connected()).toEqual([]);
  });

  test("what is told of agents is read by batches, and a newer session is not overwritten", async () => {
    await step((tx) => tx.presences.put([]));
    await step((tx) => tx.presences.put([told(), told({ agentId: "agent_2", replicaId: "two", version: 4 })]));
    const since = (...marks: (readonly [string, number])[]) =>
      store.read((q) => q.presences.since(marks.map(([replicaId, version]) => ({ replicaId, version }))));
    expect(await since()).toEqual([]);
    expect(await since(["one", 0], ["two", 4])).toEqual([told()]);
    expect((await since(["one", 0], ["two", 3])).map(({ agentId }) => agentId)).toEqual(["agent_1", "agent_2"]);
    await step((tx) => tx.presences.put([told({ replicaId: "two", sessionEpoch: 2, version: 5 })]));
    await step((tx) => tx.presences.put([told({ version: 2, facts: null })]));
    expect(await since(["one", 0], ["two", 4])).toEqual([told({ replicaId: "two", sessionEpoch: 2, version: 5 })]);
    await step((tx) => tx.presences.put([told({ replicaId: "two", sessionEpoch: 2, version: 6, facts: null })]));
    expect(await since(["two", 5])).toEqual([told({ replicaId: "two", sessionEpoch: 2, version: 6, facts: null })]);
    await step((tx) => tx.presences.deleteLeft({ replicaId: "two", version: 5 }));
    expect(await since(["two", 5])).toHaveLength(1);
    await step((tx) => tx.presences.deleteLeft({ replicaId: "two", version: 6 }));
    expect(await since(["two", 0])).toHaveLength(1);
    await step((tx) => tx.presences.deleteOf(["two"]));
    expect(await since(["two", 0])).toEqual([]);
  });

  test("what is wanted of agents is another text after each change of it", async () => {
    const own = agent({ id: "agent_1" });
    const held = claimedJob({ id: "job_1", agentId: "agent_1" });
    await store.write(async (tx) => {
      await tx.organizations.insert(organization());
      await tx.pools.insert(pool());
      await tx.tokens.insert(token());
      await tx.workspaces.insert(workspace());
      await tx.configurations.insert(configuration());
      await tx.runs.insert(run());
      await tx.agents.insert(own);
    });
    const texts: (string | undefined)[] = [];
    const look = async () => {
      const wishes = await store.read((q) => q.presences.wishes(["agent_1", "agent_9"]));
      expect(wishes.map(({ agentId }) => agentId)).toEqual(["agent_1"]);
      texts.push(wishes[0]?.text);
    };
    await look();
    const { tokenId } = own;
    for (const change of [
      (tx: Queries) => tx.jobs.insert(held),
      (tx: Queries) => tx.jobs.save({ ...held, desired: "cancel" }),
      (tx: Queries) => tx.agents.save({ ...own, isPaused: true }),
      (tx: Queries) => tx.agents.save({ ...own, isPaused: true, sessionEpoch: own.sessionEpoch + 1 }),
      (tx: Queries) => tx.tokens.save({ ...token(), ...(tokenId === null ? {} : { id: tokenId }), revokedAt: at(9) }),
    ]) {
      await store.write(change);
      await look();
    }
    expect(new Set(texts).size).toBe(texts.length);
    const before = texts.at(-1);
    await store.write((tx) =>
      tx.agents.save({ ...own, isPaused: true, sessionEpoch: own.sessionEpoch + 1, lastSeenAt: at(99) }),
    );
    await look();
    expect(texts.at(-1)).toBe(before);
    expect(await store.read((q) => q.presences.wishes([]))).toEqual([]);
  });
});
