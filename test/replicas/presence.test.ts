/** Two control planes on one database, in one process: what one knows of the agents of the other. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { topics } from "../../src/control/core/control.ts";
import { Membership } from "../../src/control/replicas/membership.ts";
import { SharedPresence } from "../../src/control/replicas/shared-presence.ts";
import { lookAfterWishes } from "../../src/control/replicas/wishes.ts";
import { registerAgent } from "../../src/control/sessions/registration.ts";
import type { Agent } from "../../src/domain/agents/agent.ts";
import type { AgentPool } from "../../src/domain/agents/pool.ts";
import { DesiredState } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { createTestDatabase, hasPostgres } from "../postgres.ts";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../support/control.ts";
import { introduction } from "../support/fake-agent.ts";
import { agentRow } from "../support/rows.ts";
import { pool, token } from "../support/store/rows.ts";

interface Plane {
  readonly fixture: TestControl;
  readonly control: TestControl["control"];
  readonly membership: Membership;
  readonly shared: SharedPresence;
}

describe.skipIf(!hasPostgres)("of an agent that is connected to another replica", () => {
  let held: AsyncDisposableStack;
  let here: Plane;
  let there: Plane;
  let pools: AgentPool;
  let agent: Agent;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { url } = held.use(await createTestDatabase());
    const living = new Set<string>();
    const open = async (): Promise<Plane> => {
      const fixture = held.use(await openTestControl({ rows: url }));
      const { control } = fixture;
      const nothing = () => {};
      const shared = new SharedPresence(control);
      const membership = new Membership(control, {
        ...{ onArrival: nothing, onGap: nothing, onBack: () => shared.rewrite(), onLook: nothing },
        onGone: () => shared.forget(),
      });
      await membership.enter((id) => living.has(id));
      living.add(control.replicas.id);
      return { fixture, control, membership, shared };
    };
    here = await open();
    there = await open();
    await here.membership.beat();
    const own = { organizationId: here.fixture.organization.id };
    pools = pool({ ...own, id: newId("apool", systemRandom) });
    agent = agentRow(pools, { connectedTo: "there", replicaId: there.control.replicas.id, bootId: "first" });
    await here.control.store.write(async (tx) => {
      await tx.pools.insert(pools);
      await tx.tokens.insert({ ...token(own), poolId: pools.id });
      await tx.agents.insert(agent);
    });
  });
  afterEach(() => held.disposeAsync());

  const connected = () => ({
    ...fakeConnectedAgent({ agentId: agent.id, name: agent.name, poolId: pools.id, labels: { zone: "a" } }).connected,
    unmet: new Map([["tofu", "no room"]]),
    refusal: "its disk is full",
    freeDiskBytes: 5n * 2n ** 30n + 7n,
  });
  /** What the one has to tell is told. */
  const share = async () => {
    await there.shared.look();
    await here.shared.look();
  };
  const rowsWritten = async () =>
    here.control.store.read((q) => q.presences.since([{ replicaId: there.control.replicas.id, version: 0 }]));

  test("is known what it can do, what it refuses, and how far its jobs are", async () => {
    there.control.presence.enter(connected());
    const claim = { jobId: "job_1", epoch: 1n, $typeName: "windlass.agent.v1.JobClaim" } as const;
    const progress = { resourcesDone: 3, preparing: "a provider", delivering: "", wayProblem: "" };
    there.control.presence.noteProgress(agent.id, [{ claim, ...progress, desired: DesiredState.CANCEL }]);
    await share();
    const { presence } = here.control;
    expect(presence.get(agent.id)).toBeUndefined();
    expect(presence.all()).toEqual([]);
    expect(presence.everywhere()).toHaveLength(1);
    expect(presence.find(agent.id)).toMatchObject({
      ...{ name: agent.name, poolId: pools.id, labels: { zone: "a" }, refusal: "its disk is full", sessionEpoch: 1 },
      ...{ unmet: new Map([["tofu", "no room"]]), freeDiskBytes: 5n * 2n ** 30n, takesJobs: true },
    });
    const job = newId("job", systemRandom);
    expect(presence.progressOf({ id: job, agentId: agent.id }).resourcesDone).toBe(0);
    // "job_1" is no id of a job, but the name of one.
    expect(presence.progressOf({ id: "job_1", agentId: agent.id })).toEqual({
      ...progress,
      desired: DesiredState.CANCEL,
    });
  });

  test("nothing is written again until something is another than before; what has left is known to have", async () => {
    const one = connected();
    there.control.presence.enter(one);
    await share();
    const [first] = await rowsWritten();
    await share();
    expect((await rowsWritten())[0]?.version).toBe(first?.version);
    there.control.presence.enter({ ...one, freeDiskBytes: one.freeDiskBytes + 1n });
    await share();
    expect((await rowsWritten())[0]?.version).toBe(first?.version);
    const other = { ...one, takesJobs: false };
    there.control.presence.enter(other);
    await share();
    expect(here.control.presence.find(agent.id)?.takesJobs).toBe(false);
    there.control.presence.leave(other);
    await share();
    expect(here.control.presence.find(agent.id)).toBeUndefined();
    await there.fixture.clock.advance(61_000);
    await there.shared.look();
    expect(await rowsWritten()).toEqual([]);
  });

  test("that comes here, this process is believed; that is gone with its process, nothing is left", async () => {
    there.control.presence.enter(connected());
    await share();
    const mine = { ...connected(), sessionEpoch: 2, refusal: "" };
    here.control.presence.enter(mine);
    await here.shared.look();
    await share();
    expect(here.control.presence.everywhere()).toEqual([mine]);
    expect(there.control.presence.find(agent.id)?.sessionEpoch).toBe(1);
    here.control.presence.leave(mine);
    for (let beats = 0; beats < 5; beats++) {
      await here.fixture.clock.advance(5_000);
      await here.membership.beat();
    }
    await here.shared.look();
    expect(here.control.replicas.isAlone).toBe(true);
    expect(here.control.presence.everywhere()).toEqual([]);
    expect(await rowsWritten()).toEqual([]);
    // It stood still, and comes back: all is told again.
    await there.membership.beat();
    await here.membership.beat();
    await share();
    expect(here.control.presence.everywhere()).toHaveLength(1);
  });

  test("that has registered there and has no stream is known why", async () => {
    const who = { kind: "agent_token", id: "atok_1", poolId: pools.id, organizationId: pools.organizationId } as const;
    const said = introduction({ name: "vm-2", httpVersion: "1.1" });
    const { agent: newcomer } = await registerAgent(there.control, who, said);
    await share();
    const nowMs = here.control.clock.monotonicMs();
    expect(here.control.presence.arrivals(nowMs)).toMatchObject([
      { agentId: newcomer.id, name: "vm-2", wayProblem: expect.stringContaining("HTTP/2") },
    ]);
    expect(here.control.presence.everywhere()).toEqual([]);
  });

  test("a second process with its identity is refused here, until the first one has been silent for a while", async () => {
    const who = { kind: "agent_token", id: "atok_1", poolId: pools.id, organizationId: pools.organizationId } as const;
    there.control.presence.enter(connected());
    await share();
    const again = (bootId: string) =>
      registerAgent(here.control, who, introduction({ incarnation: agent.incarnation, bootId }));
    await here.control.store.write((tx) => tx.agents.save({ ...agent, lastSeenAt: here.control.clock.now() }));
    await expect(again("second")).rejects.toMatchObject({ code: "already_connected" });
    expect((await here.control.store.read((q) => q.agents.get(agent.id)))?.warning).toContain("a second process");
    expect((await again("first")).agent.id).toBe(agent.id);
    await here.fixture.clock.advance(19_000);
    expect((await again("second")).agent.id).toBe(agent.id);
  });

  test("what is wanted of it here is found there without a notice", { timeout: 120_000 }, async () => {
    there.control.presence.enter(connected());
    await there.membership.beat();
    const stop = new AbortController();
    const atFirst = there.control.wake.version(topics.agent(agent.id));
    const looking = lookAfterWishes(there.control, stop.signal);
    const wakes = () => there.control.wake.version(topics.agent(agent.id));
    const looked = async () => {
      await there.fixture.clock.advance(2_000);
      await there.control.store.read(async () => {});
      await there.fixture.clock.advance(1);
      return wakes();
    };
    const patience = { timeout: 60_000 };
    // A look may end after the clock has gone on: what it wakes counts from before the wish.
    await expect.poll(looked, patience).toBeGreaterThan(atFirst);
    const isQuiet = async () => wakes() === (await looked());
    await expect.poll(isQuiet, patience).toBe(true);
    const before = wakes();
    await here.control.store.write((tx) => tx.agents.save({ ...agent, isPaused: true }));
    await expect.poll(looked, patience).toBeGreaterThan(before);
    stop.abort();
    await looking;
  });
});
