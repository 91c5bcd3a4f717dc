import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "../../../test/postgres.ts";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow } from "../../../test/support/rows.ts";
import { pool } from "../../../test/support/store/rows.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { beatMs, Membership, skewText } from "./membership.ts";

interface Member {
  readonly fixture: TestControl;
  readonly membership: Membership;
  /** What it was told. */
  readonly told: string[];
}

describe.skipIf(!hasPostgres)("replicas of one database", () => {
  let held: AsyncDisposableStack;
  let url: string;
  const living = new Set<string>();

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    living.clear();
    ({ url } = held.use(await createTestDatabase()));
  });
  afterEach(() => held.disposeAsync());

  async function open(): Promise<Member> {
    const fixture = held.use(await openTestControl({ rows: url }));
    const told: string[] = [];
    const membership = new Membership(fixture.control, {
      onArrival: () => told.push("arrival"),
      onGap: () => told.push("gap"),
      onBack: () => told.push("back"),
      onGone: (ids) => told.push(`gone ${ids.length}`),
      onLook: () => {},
    });
    return { fixture, membership, told };
  }

  async function enter(): Promise<Member> {
    const member = await open();
    await member.membership.enter((id) => living.has(id));
    living.add(member.fixture.control.replicas.id);
    return member;
  }

  const rows = ({ fixture }: Member) => fixture.control.store.read((q) => q.replicas.all());
  const lostIds = async (member: Member) =>
    (await rows(member)).filter(({ lostAt }) => lostAt !== null).map(({ id }) => id);
  const othersOf = ({ fixture }: Member) => fixture.control.replicas.others.map(({ id }) => id);
  const idOf = ({ fixture }: Member) => fixture.control.replicas.id;
  /** So many beats of these, one after the other, each on its own clock. */
  async function beat(count: number, ...members: readonly Member[]): Promise<void> {
    for (let at = 0; at < count; at++)
      for (const { fixture, membership } of members) {
        await fixture.clock.advance(beatMs);
        await membership.beat();
      }
  }

  test("see each other; one that stops by itself is gone at once, and nothing was missed", async () => {
    const one = await enter();
    expect(one.fixture.control.replicas.isAlone).toBe(true);
    const two = await enter();
    await beat(1, one, two);
    expect([othersOf(one), othersOf(two)]).toEqual([[idOf(two)], [idOf(one)]]);
    expect(one.told).toEqual(["arrival"]);
    const stop = new AbortController();
    stop.abort();
    await two.membership.run(stop.signal);
    await beat(1, one);
    expect(one.told).toEqual(["arrival", "gone 1"]);
    expect(one.fixture.control.replicas.isAlone).toBe(true);
    expect(await rows(one)).toHaveLength(1);
  });

  test("one that says nothing for long is gone, with its agents; it comes back when it says something", async () => {
    const [one, two] = [await enter(), await enter()];
    await beat(1, one, two);
    const pools = pool({ organizationId: one.fixture.organization.id, id: newId("apool", systemRandom) });
    const agent = agentRow(pools, { connectedTo: "two", replicaId: idOf(two) });
    await one.fixture.control.store.write(async (tx) => {
      await tx.pools.insert(pools);
      await tx.agents.insert(agent);
    });
    await beat(3, one);
    expect(othersOf(one)).toEqual([idOf(two)]);
    await beat(1, one);
    expect(othersOf(one)).toEqual([]);
    expect(one.told.slice(1)).toEqual(["gone 1", "gap"]);
    const row = await one.fixture.control.store.read((q) => q.agents.get(agent.id));
    expect([row?.connectedTo, row?.replicaId]).toEqual(["", null]);
    expect(await lostIds(one)).toEqual([idOf(two)]);
    two.told.length = 0;
    await beat(1, two, one);
    expect(two.told).toEqual(["back"]);
    expect(othersOf(one)).toEqual([idOf(two)]);
  });

  test("a third one hears that what a lost one had to tell may be missing", async () => {
    const [one, two, three] = [await enter(), await enter(), await enter()];
    await beat(1, one, two, three);
    await beat(5, one, three);
    expect(othersOf(three)).toEqual([idOf(one)]);
    expect(three.told).toContain("gap");
    expect(await rows(two)).toHaveLength(3);
  });

  test("nobody is gone because the database was away for all", async () => {
    const [one, two] = [await enter(), await enter()];
    await beat(1, one, two);
    await one.fixture.clock.advance(90_000);
    await beat(1, one);
    expect(othersOf(one)).toEqual([idOf(two)]);
    await beat(2, one, two);
    expect([othersOf(one), othersOf(two)]).toEqual([[idOf(two)], [idOf(one)]]);
  });

  test("one that could not tell the others what has changed says so", async () => {
    const [one, two] = [await enter(), await enter()];
    await beat(1, one, two);
    two.membership.noteLoss();
    await beat(1, two, one);
    expect(one.told).toEqual(["arrival", "gap"]);
  });

  test("the first of them gives what ran time to come back, the second does not; what was left by dead ones is buried", async () => {
    const dead = await enter();
    living.clear();
    const first = await enter();
    expect(await lostIds(first)).toEqual([idOf(dead)]);
    const pools = pool({ organizationId: first.fixture.organization.id, id: newId("apool", systemRandom) });
    const agents = [idOf(first), "nobody"].map((replicaId) => agentRow(pools, { connectedTo: "there", replicaId }));
    await first.fixture.control.store.write(async (tx) => {
      await tx.pools.insert(pools);
      for (const agent of agents) await tx.agents.insert(agent);
    });
    const second = await enter();
    const after = await second.fixture.control.store.read((q) => q.agents.byIds(agents.map(({ id }) => id)));
    expect(after.filter(({ connectedTo }) => connectedTo !== "").map(({ id }) => id)).toEqual([agents[0]?.id]);
  });

  test("one that is cut off from the database sends its agents to the others after a minute; alone it keeps them", async () => {
    const [one, two] = [await enter(), await enter()];
    await beat(1, one, two);
    const agents = [one, two].map(({ fixture }) => {
      const fake = fakeConnectedAgent({ agentId: newId("agent", systemRandom), name: "vm", poolId: null });
      fixture.control.presence.enter(fake.connected);
      return fake.closed;
    });
    two.fixture.control.replicas.see([]);
    const stop = new AbortController();
    const running = [one, two].map(async ({ fixture, membership }) => {
      const { step } = fixture.control.store;
      Object.assign(fixture.control.store, { step: () => Promise.reject(new Error("no database")) });
      const over = membership.run(stop.signal);
      await fixture.clock.advance(55_000);
      expect(agents).toEqual([[], []]);
      await fixture.clock.advance(10_000);
      Object.assign(fixture.control.store, { step });
      return over;
    });
    await Promise.race([Promise.all(running), expect.poll(() => agents[0]?.[0]).toBe("draining")]);
    expect(agents[1]).toEqual([]);
    stop.abort();
    await Promise.all(running);
  });

  test("a replica is of no use while the database takes no beat, or its clock strays", async () => {
    const one = await enter();
    expect(one.membership.trouble).toContain("the clock of this machine is"); // A test's clock stands in another year.
    await one.fixture.clock.advance(13_000);
    expect(one.membership.trouble).toBe("the database cannot be used");
    await one.membership.beat();
    expect(one.membership.trouble).toContain("behind the database's");
  });
});

test("a clock may differ by half a minute, either way", () => {
  expect([skewText(30_000), skewText(-30_000)]).toEqual([undefined, undefined]);
  expect(skewText(31_000)).toContain("31 s ahead of the database's");
  expect(skewText(-90_000)).toContain("90 s behind the database's");
});
