import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { newPool, newWorkspace } from "../../../test/support/wanted.ts";
import type { Agent } from "../../domain/agents/agent.ts";
import type { Job } from "../../domain/runs/job.ts";
import { createPool } from "../agents/pools.ts";
import type { Control } from "../core/control.ts";
import { topics } from "../core/control.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { flushUntil, Liveness } from "./liveness.ts";

let fixture: TestControl;
let agent: Agent;
let job: Job;

beforeEach(async () => {
  fixture = await openTestControl();
  const { control, as } = fixture;
  const { pool } = await createPool(control, as("owner"), newPool("prod"));
  const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
  agent = agentRow(pool, { status: "busy", connectedTo: "this-server" });
  const run = runRow(workspace, { status: "planning" });
  job = jobRow(run, startedBy(agent));
  await control.store.write(async (tx) => {
    await tx.agents.insert(agent);
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const later = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000);
const heardAt = (seconds: number) => ({ agentId: agent.id, at: later(seconds), status: "busy" as const });
const renewed = (seconds: number) => ({ jobId: job.id, epoch: 1, until: later(seconds) });
const rows = async () =>
  fixture.control.store.read(async (q) => ({ agent: await q.agents.get(agent.id), job: await q.jobs.get(job.id) }));

/** The control plane, whose database fails as often as said. */
function failing(times: number): { readonly control: Control; readonly steps: () => number } {
  const { control } = fixture;
  let left = times;
  let steps = 0;
  const step: Control["store"]["step"] = async (change) => {
    steps += 1;
    if (left-- > 0) throw new Error("the database is away");
    return control.store.step(change);
  };
  const store = new Proxy(control.store, {
    get: (target, name) => {
      const value: unknown = name === "step" ? step : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { control: { ...control, store }, steps: () => steps };
}

describe("signs of life", () => {
  test("are written together, the last one of each agent and each job", async () => {
    const liveness = new Liveness();
    for (const seconds of [10, 20, 30]) {
      liveness.heard(heardAt(seconds));
      liveness.renew(renewed(seconds + 1_000));
    }
    const { control, steps } = failing(0);
    await liveness.flush(control);
    expect(steps()).toBe(1);
    expect(await rows()).toMatchObject({ agent: { lastSeenAt: later(30) }, job: { leaseUntil: later(1_030) } });
  });

  test("are written once: without news the database is left alone", async () => {
    const liveness = new Liveness();
    liveness.heard(heardAt(10));
    const { control, steps } = failing(0);
    await liveness.flush(control);
    await liveness.flush(control);
    expect(steps()).toBe(1);
  });

  test("wake those who look at agents", async () => {
    const liveness = new Liveness();
    const { control } = fixture;
    const before = control.wake.version(topics.agents);
    await liveness.flush(control);
    expect(control.wake.version(topics.agents)).toEqual(before);
    liveness.left({ agentId: agent.id, sessionEpoch: 1 });
    await liveness.flush(control);
    expect(control.wake.version(topics.agents)).not.toEqual(before);
    expect((await rows()).agent?.connectedTo).toBe("");
  });

  test("that could not be written are kept, but for those that are older than what came since", async () => {
    const liveness = new Liveness();
    const { control } = failing(1);
    liveness.heard(heardAt(10));
    liveness.renew(renewed(1_010));
    const flushing = liveness.flush(control);
    liveness.heard(heardAt(20));
    await expect(flushing).rejects.toThrow("the database is away");
    await liveness.flush(control);
    expect(await rows()).toMatchObject({ agent: { lastSeenAt: later(20) }, job: { leaseUntil: later(1_010) } });
  });

  test("of an older session, or an older claim, change nothing", async () => {
    const liveness = new Liveness();
    liveness.left({ agentId: agent.id, sessionEpoch: 0 });
    liveness.renew({ ...renewed(5_000), epoch: 0 });
    await liveness.flush(fixture.control);
    expect(await rows()).toMatchObject({ agent: { connectedTo: "this-server" }, job: { leaseUntil: job.leaseUntil } });
  });
});

describe("the loop that writes them", () => {
  test("goes on after a failure, and writes what is left when it ends", async () => {
    const liveness = new Liveness();
    const stop = new AbortController();
    const { control, steps } = failing(1);
    liveness.heard(heardAt(10));
    const looping = flushUntil(control, liveness, stop.signal);
    await fixture.clock.advance(2_999);
    expect(steps()).toBe(0);
    await fixture.clock.advance(1);
    await fixture.clock.advance(3_000);
    expect(steps()).toBe(2);
    // The second one is under way: what comes now is written after it.
    liveness.heard(heardAt(40));
    stop.abort();
    await looping;
    expect((await rows()).agent?.lastSeenAt).toEqual(later(40));
    expect(fixture.clock.sleeping).toBe(0);
  });
});
