import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace } from "../../../test/support/wanted.ts";
import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Store } from "../../store/ports/store.ts";
import { createPool } from "../agents/pools.ts";
import { topics } from "../core/control.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { EventWatch } from "./watch.ts";

let held: AsyncDisposableStack;
let fixture: TestControl;
let owner: Person;
let pool: AgentPool;
let agent: Agent;
let jobs: readonly Job[];
let reads: number;

beforeEach(async () => {
  held = new AsyncDisposableStack();
  fixture = held.use(await openTestControl());
  owner = fixture.as("owner");
  reads = 0;
  ({ pool } = await createPool(fixture.control, owner, newPool("prod")));
  agent = agentRow(pool);
  const queued: Job[] = [];
  await fixture.control.store.write((tx) => tx.agents.insert(agent));
  for (const name of ["one", "two", "three"]) {
    const wanted = newWorkspace(name, { executionMode: "agent", pool: "prod" });
    const { workspace } = await createWorkspace(fixture.control, owner, wanted);
    const run = runRow(workspace, { status: "plan_queued", message: name });
    const job = jobRow(run, { poolId: pool.id, queuedAt: new Date(fixture.clock.now().getTime() + queued.length) });
    queued.push(job);
    await fixture.control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
  }
  jobs = queued;
});
afterEach(() => held.disposeAsync());

const connectedAgent = () => fakeConnectedAgent({ agentId: agent.id, name: "vm-1", poolId: pool.id }).connected;

/** What a watcher is told of runs and agents until nothing more comes for a while. */
async function watching() {
  const { control, clock } = fixture;
  const store: Store = {
    ...control.store,
    read: (fn) =>
      control.store.read((q) =>
        fn({
          ...q,
          runs: {
            ...q.runs,
            list: (...asked) => {
              reads += 1;
              return q.runs.list(...asked);
            },
          },
        }),
      ),
  };
  const events = new EventWatch({ ...control, store });
  const over = new AbortController();
  const stream = events.watch(owner, { organization: "", cursor: "", signal: over.signal });
  await stream.next();
  const told: string[] = [];
  const reading = (async () => {
    for await (const { things } of stream)
      for (const thing of things) {
        if (thing.kind === "run") {
          const { waiting, run } = thing.view;
          told.push(`${run.message}: ${waiting?.reason} ${waiting?.queuePosition}`);
        } else if (thing.kind === "agent") told.push(`agent: ${thing.view.connected?.refusal}`);
      }
  })().catch(() => {});
  held.defer(async () => {
    over.abort();
    await reading;
  });
  return async (ms = 4_000) => {
    told.length = 0;
    for (let passed = 0; passed < ms; passed += 500) {
      await clock.advance(500);
      await control.store.read(async () => {});
    }
    return told.toSorted();
  };
}

describe("what changes though no row does is told to those who watch", () => {
  test("why runs wait, when an agent comes", async () => {
    const told = await watching();
    expect(await told()).toEqual([]);
    fixture.control.presence.enter({ ...connectedAgent(), takesJobs: false });
    fixture.control.wake.notify(topics.agents);
    expect(await told()).toEqual([
      ...["agent: ", "one: agents_paused 1", "three: agents_paused 3", "two: agents_paused 2"],
    ]);
  });

  test("places in a queue, when the first one leaves it", async () => {
    const told = await watching();
    const [first] = jobs;
    if (first === undefined) throw new Error("a job was expected");
    await fixture.control.store.write((tx) => tx.jobs.save({ ...first, status: "offered", epoch: 1 }));
    const news = await told();
    expect(news).toContain("two: no_agent_online 1");
    expect(news).toContain("three: no_agent_online 2");
  });

  test("what an agent says of itself, whenever it says something else", async () => {
    const connected = connectedAgent();
    fixture.control.presence.enter(connected);
    const told = await watching();
    fixture.control.presence.enter({ ...connected, refusal: "its disk is full" });
    expect((await told()).filter((text) => text.startsWith("agent"))).toEqual(["agent: its disk is full"]);
    expect(await told(20_000)).toEqual([]);
  });

  test("while nothing happens it is looked only every 10 seconds; not at all when nobody watches any more", async () => {
    const told = await watching();
    await told(4_000);
    reads = 0;
    await told(40_000);
    expect(reads).toBeGreaterThanOrEqual(3);
    expect(reads).toBeLessThanOrEqual(5);
    await held.disposeAsync();
  });

  test("a look that fails is followed by another one", async () => {
    const told = await watching();
    const { read } = fixture.control.store;
    Object.assign(fixture.control.store, { read: () => Promise.reject(new Error("no database")) });
    fixture.control.wake.notify(topics.agents);
    await fixture.clock.advance(2_500);
    Object.assign(fixture.control.store, { read });
    fixture.control.presence.enter({ ...connectedAgent(), takesJobs: false });
    fixture.control.wake.notify(topics.agents);
    expect(await told()).toContain("one: agents_paused 1");
  });
});
