import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { introduction } from "../../../test/support/fake-agent.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { pool, token, workspace as workspaceRow } from "../../../test/support/store/rows.ts";
import type { Agent } from "../../domain/agents/agent.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { systemRandom } from "../../lib/random.ts";
import type { Control } from "../core/control.ts";
import { Presence } from "../core/presence.ts";
import { registerAgent } from "./registration.ts";

let fixture: TestControl;
let who: Principal;
beforeEach(async () => {
  fixture = await openTestControl();
  const { control, organization } = fixture;
  const own = { organizationId: organization.id };
  await control.store.write(async (tx) => {
    await tx.organizations.save({ ...organization, maxAgents: 1 });
    await tx.pools.insert(pool(own));
    await tx.tokens.insert(token(own));
  });
  who = { kind: "agent_token", id: "atok_1", poolId: "apool_1", organizationId: organization.id };
});
afterEach(() => fixture[Symbol.asyncDispose]());

test("an organization's limit on agents holds for new ones, and not for one that comes back", async () => {
  const { control } = fixture;
  const said = introduction();
  const { agent } = await registerAgent(control, who, said);
  expect((await registerAgent(control, who, said)).agent.id).toBe(agent.id);
  await expect(registerAgent(control, who, introduction({ name: "vm-2" }))).rejects.toMatchObject({
    ...{ code: "agent_limit_reached", metadata: { limit: "1" }, retryAfterMs: 60_000 },
  });
});

test("labels that are too long together are refused, whatever each of them is", async () => {
  const { control } = fixture;
  const labels = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${String(n).padStart(2, "0")}`, "x".repeat(253)]));
  await expect(registerAgent(control, who, introduction({ labels: labels(17) }))).rejects.toMatchObject({
    ...{ code: "validation", message: expect.stringContaining("at most 4096") },
  });
  expect((await registerAgent(control, who, introduction({ labels: labels(16) }))).agent.name).toBe("vm-1");
});

test("the use of the agent token is written down with the agent's address", async () => {
  const { control, clock } = fixture;
  await clock.advance(365 * 86_400_000);
  await registerAgent(control, who, introduction({ address: "10.9.8.7" }));
  const used = await control.store.read((q) => q.tokens.get("atok_1"));
  expect(used).toMatchObject({ lastUsedAt: clock.now(), lastUsedAddress: "10.9.8.7" });
});

describe("a process with the identity of another one", () => {
  const incarnation = systemRandom.uuid();
  const from = (place: string) => registerAgent(fixture.control, who, introduction({ incarnation, place }));
  const refused = { code: "already_connected" };

  /** The agent at home has begun a job, and its connection is gone. */
  async function begin(status: Job["status"] = "started"): Promise<Agent> {
    const { control, clock } = fixture;
    await clock.advance(3_600_000);
    const { agent } = await from("home");
    await control.store.write(async (tx) => {
      const workspace = { ...workspaceRow(), organizationId: fixture.organization.id };
      await tx.workspaces.insert(workspace);
      const run = runRow(workspace, { status: "applying" });
      await tx.runs.insert(run);
      await tx.jobs.insert(jobRow(run, { phase: "apply", status, epoch: 1, attempt: 1, agentId: agent.id }));
    });
    return agent;
  }

  test("from the same place follows it at once: the lock of the directory proves that the first has ended", async () => {
    const { id } = await begin();
    expect((await from("home")).agent).toMatchObject({ id, place: "home", jobsPlace: "home" });
  });

  test("from another place waits while jobs are open, until the first was not heard for three heartbeats", async () => {
    const { id } = await begin();
    await expect(from("copy")).rejects.toMatchObject(refused);
    await fixture.clock.advance(29_999);
    await expect(from("copy")).rejects.toMatchObject(refused);
    await fixture.clock.advance(1);
    expect((await from("copy")).agent).toMatchObject({ id, place: "copy", jobsPlace: "home" });
    expect((await from("copy")).agent).toMatchObject({ place: "copy", jobsPlace: "home" });
  });

  test("does not profit from a server that was down: the silence counts from its start", async () => {
    await begin();
    const { control, clock } = fixture;
    await clock.advance(3_600_000);
    const restarted = { ...control, presence: new Presence(clock.monotonicMs()) };
    const copy = introduction({ incarnation, place: "copy" });
    await expect(registerAgent(restarted, who, copy)).rejects.toMatchObject(refused);
  });

  test("makes room for the one that has begun the jobs, whenever that comes back", async () => {
    const agent = await begin();
    const { control, clock } = fixture;
    await clock.advance(30_000);
    const copy = (await from("copy")).agent;
    control.presence.enter(fakeConnectedAgent({ agentId: agent.id, name: agent.name, poolId: agent.poolId }).connected);
    await expect(from("third")).rejects.toMatchObject(refused);
    expect((await from("home")).agent).toMatchObject({ id: copy.id, place: "home", jobsPlace: "home" });
  });

  test.each<readonly [string, string, Job["status"]]>([
    ["has no open job", "elsewhere", "finished"],
    ["cannot tell where it is", "", "started"],
  ])("is let in from anywhere where it %s", async (_why, place, status) => {
    await begin(status);
    expect((await from(place)).agent.place).toBe(place);
  });
});

describe("one token", () => {
  const bounded = (limits: Partial<Control["limits"]>): Control => ({
    ...fixture.control,
    limits: { ...fixture.control.limits, ...limits },
  });
  const newcomers = async (control: Control, count: number) => {
    for (let i = 0; i < count; i += 1) await registerAgent(control, who, introduction({ name: `vm-${i}` }));
  };
  beforeEach(() =>
    fixture.control.store.write((tx) => tx.organizations.save({ ...fixture.organization, maxAgents: 0 })),
  );
  const rows = async () => fixture.control.store.read((q) => q.agents.ofToken("atok_1"));

  test("registers so many new agents a minute, and those that come back as often as they like", async () => {
    const control = bounded({ registrationsPerMinute: 3 });
    const said = introduction();
    await registerAgent(control, who, said);
    await newcomers(control, 2);
    await expect(registerAgent(control, who, introduction())).rejects.toMatchObject({
      ...{ code: "rate_limited", metadata: { limit: "registration-rate" }, retryAfterMs: 10_000 },
    });
    for (let i = 0; i < 5; i += 1) await registerAgent(control, who, said);
    await fixture.clock.advance(60_001);
    await newcomers(control, 3);
    expect(await rows()).toHaveLength(6);
    await fixture.clock.advance(60_001);
    await newcomers(bounded({ registrationsPerMinute: 0 }), 10);
    expect(await rows()).toHaveLength(16);
  });

  test("has a bounded number of agents: those that are gone longest make room, those that are here do not", async () => {
    const control = bounded({ maxAgentsPerToken: 3 });
    await newcomers(control, 3);
    const [first, second, third] = await rows();
    if (first === undefined || second === undefined || third === undefined) throw new Error("expected three agents");
    await expect(registerAgent(control, who, introduction())).rejects.toMatchObject({
      ...{ code: "agent_limit_reached", metadata: { limit: "3" } },
    });
    await control.store.write(async (tx) => {
      await tx.agents.save({ ...first, status: "errored" });
      await tx.agents.save({ ...second, status: "exited", lastSeenAt: new Date(first.lastSeenAt.getTime() - 1) });
    });
    const late = await registerAgent(control, who, introduction());
    expect((await rows()).map(({ id }) => id)).toEqual([first.id, third.id, late.agent.id].toSorted());
  });

  test("leaves one audit record for what it registers within an hour", async () => {
    const { control, clock, organization } = fixture;
    const filter = { organizationId: organization.id, action: "agent.", actor: "", resource: "" };
    const records = () =>
      control.store.read((q) => q.audit.list({ ...filter, since: null, until: null }, { before: null, limit: 99 }));
    const began = clock.now();
    await newcomers(control, 40);
    await clock.advance(60_000);
    const { agent } = await registerAgent(control, who, introduction({ name: "last", address: "10.1.1.1" }));
    const rolledUp = {
      ...{ action: "agent.register", actor: "system", resource: "atok_1", at: began },
      detail: {
        agents: "41",
        last_id: agent.id,
        name: "last",
        address: "10.1.1.1",
        last_at: clock.now().toISOString(),
      },
    };
    expect(await records()).toMatchObject([rolledUp]);
    await clock.advance(3_600_000);
    await registerAgent(control, who, introduction());
    expect(await records()).toMatchObject([{ detail: { agents: "1" } }, rolledUp]);
  });
});

const atOnce = { timeout: 120_000 };
test.each(testEngines)(
  "many new agents of one token at once are all let in, and counted, on $name",
  atOnce,
  async (engine) => {
    await using held = new AsyncDisposableStack();
    const { control, organization } = held.use(await openTestControl({ rows: (await engine.urls(held)).rows }));
    const own = { organizationId: organization.id };
    await control.store.write(async (tx) => {
      await tx.pools.insert(pool(own));
      await tx.tokens.insert(token(own));
    });
    const newcomer: Principal = {
      kind: "agent_token",
      id: "atok_1",
      poolId: "apool_1",
      organizationId: organization.id,
    };
    const many = 590; // just below the limit of a minute
    await Promise.all(Array.from({ length: many }, () => registerAgent(control, newcomer, introduction())));
    const { all } = await control.store.read((q) => q.agents.countOfToken("atok_1", new Date(0)));
    const filter = { ...own, action: "agent.", actor: "", resource: "", since: null, until: null };
    const records = await control.store.read((q) => q.audit.list(filter, { before: null, limit: 9 }));
    expect([all, records.map(({ detail }) => detail.agents)]).toEqual([many, [String(many)]]);
  },
);
