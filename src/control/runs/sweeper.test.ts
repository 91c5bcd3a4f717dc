import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace } from "../../../test/support/wanted.ts";
import type { Agent } from "../../domain/agents/agent.ts";
import type { Job } from "../../domain/runs/job.ts";
import { lostSentence } from "../../domain/runs/lost.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Clock } from "../../lib/clock.ts";
import { createPool } from "../agents/pools.ts";
import type { Control } from "../core/control.ts";
import { storeState } from "../jobs/states.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { logStreamOf } from "./logs.ts";
import { sweepUntil } from "./sweeper.ts";

/** A clock whose two hands can be moved apart; a sleep ends when the test moves them. */
class LooseClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #wake: (() => void) | undefined;

  constructor(start: Date) {
    this.#wallMs = start.getTime();
  }

  now = () => new Date(this.#wallMs);
  monotonicMs = () => this.#monotonicMs;

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  get isSleeping(): boolean {
    return this.#wake !== undefined;
  }

  move(wallMs: number, monotonicMs: number): void {
    this.#wallMs += wallMs;
    this.#monotonicMs += monotonicMs;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

const hourMs = 3_600_000;
let fixture: TestControl;
let clock: LooseClock;
let control: Control;
let job: Job;
let stop: AbortController;
let sweeping: Promise<void>;

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { as } = fixture;
  clock = new LooseClock(fixture.clock.now());
  control = { ...fixture.control, clock };
  const { pool } = await createPool(fixture.control, as("owner"), newPool("prod"));
  const wanted = newWorkspace("net", { executionMode: "agent", pool: "prod" });
  const { workspace } = await createWorkspace(fixture.control, as("owner"), wanted);
  const run = runRow(workspace, { status: "applying" });
  const agent = agentRow(pool, { status: "busy" });
  const claim = { status: "started", epoch: 1, attempt: 1, agentId: agent.id, agentName: agent.name } as const;
  job = jobRow(run, {
    ...{ ...claim, phase: "apply", poolId: pool.id, incarnation: agent.incarnation },
    ...{ offeredAt: clock.now(), startedAt: clock.now(), leaseUntil: new Date(clock.now().getTime() + 600_000) },
  });
  const configuration = {
    id: run.configurationId,
    organizationId: workspace.organizationId,
    workspaceId: workspace.id,
  };
  const content = {
    blobKey: "00",
    bytes: 1,
    sha256: "00",
    ...plainConfiguration,
    fileCount: 1,
    createdBy: "ana",
    createdAt: clock.now(),
  };
  await control.store.write(async (tx) => {
    await tx.agents.insert(agent);
    await tx.configurations.insert({ ...configuration, ...content });
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  stop = new AbortController();
  sweeping = sweepUntil(control, stop.signal);
  await swept();
});

afterEach(async () => {
  stop.abort();
  await sweeping;
  await fixture[Symbol.asyncDispose]();
});

const swept = () => expect.poll(() => clock.isSleeping).toBe(true);
const row = () => control.store.read((q) => q.jobs.get(job.id));
const leaseMs = async () => ((await row())?.leaseUntil?.getTime() ?? 0) - clock.now().getTime();

async function goOn(wallMs: number, monotonicMs: number): Promise<void> {
  clock.move(wallMs, monotonicMs);
  await swept();
}

test.each([
  ["set forward", hourMs, 5_000],
  ["going on while the machine was suspended", hourMs, 0],
  ["going on while the process stood still", hourMs, hourMs],
])("a clock %s ends no lease: agents have time to come back first", async (_how, wallMs, monotonicMs) => {
  await goOn(wallMs, monotonicMs);
  expect((await row())?.status).toBe("started");
  expect(await leaseMs()).toBe(300_000);
});

test("a clock set back prolongs no lease", async () => {
  await goOn(-hourMs, 5_000);
  expect(await leaseMs()).toBe(600_000);
});

test("a lease that ends while every clock goes as it should is over", async () => {
  for (let passedMs = 0; passedMs < 610_000; passedMs += 10_000) await goOn(10_000, 10_000);
  expect((await row())?.status).toBe("interrupted");
});

test("a lost apply names what its log has begun and not ended, what it has finished, and how its last state has it", async () => {
  const lines = [
    "t.a: Creating...",
    "t.b: Creating...",
    "t.b: Creation complete after 0s [id=1]",
    "t.c[0]: Creating...",
  ];
  const stream = logStreamOf(job);
  await control.logs.append(stream, 0, Buffer.from(`${lines.join("\n")}\nt.d: Destroying... [id=4`));
  const instances = { mode: "managed", type: "t", provider: 'provider["x"]', instances: [{ attributes: {} }] };
  const resources = [
    { ...instances, name: "a" },
    { ...instances, name: "c", instances: [{ index_key: 0, status: "tainted", attributes: {} }] },
  ];
  const bytes = Buffer.from(JSON.stringify({ version: 4, serial: 3, lineage: "l", outputs: {}, resources }));
  const { workspace } = await heldWorkspace();
  await storeState(
    control,
    { kind: "job", jobId: job.id, epoch: job.epoch },
    { bytes, lineage: "l", serial: 3, sha256: sha256(bytes) },
  );
  for (let passedMs = 0; passedMs < 610_000; passedMs += 10_000) await goOn(10_000, 10_000);
  const run = await control.store.read((q) => q.runs.get(job.runId));
  const [of, none] = [(action: string) => ({ action, idKey: "", id: "" }), { inState: "absent" }];
  expect(run?.resourcesInFlight).toEqual([
    { address: "t.a", ...of("create"), inState: "present" },
    { address: "t.c[0]", ...of("create"), inState: "tainted" },
    { address: "t.d", ...of("delete"), ...none },
  ]);
  expect(run?.errorMessage).toBe(
    `agent vm-1 was lost during the apply, with t.a, t.c[0], t.d in flight: what it did is not known. ${lostSentence(run?.lost, job.runId)}`,
  );
  const finished = { provider: "t", finishedAt: "", isHidden: false };
  expect(run?.lost).toEqual({
    resources: [{ address: "t.b", action: "create", idKey: "id", id: "1", ...finished, held: "absent" }],
    count: 1,
  });
  expect(workspace.lock).toMatchObject({ runId: job.runId });
});

/** The workspace of the job, which its run holds. */
async function heldWorkspace() {
  return control.store.write(async (tx) => {
    const found = await tx.workspaces.get(job.workspaceId);
    if (found === undefined) throw new Error("the workspace is there");
    const workspace = { ...found, lock: { kind: "run" as const, runId: job.runId, at: clock.now() } };
    await tx.workspaces.save(workspace);
    return { workspace };
  });
}

describe("silent agents", () => {
  const many = 600;

  async function vanish(status: Agent["status"]): Promise<void> {
    await control.store.write(async (tx) => {
      for (let i = 0; i < many; i += 1) await tx.agents.insert(agentRow(null, { status, lastSeenAt: clock.now() }));
    });
  }

  const statuses = async () => {
    const rows = await control.store.read((q) => q.upkeep.agents({ after: null, limit: 2 * many }));
    return Object.fromEntries(
      [...Map.groupBy(rows, ({ status }) => status)].map(([status, found]) => [status, found.length]),
    );
  };

  test("are unknown, and errored, in the sweep in which they are due, whatever their number", async () => {
    await vanish("idle");
    await goOn(46_000, 46_000);
    expect((await statuses()).unknown).toBe(many + 1);
    for (let passedMs = 0; passedMs < 255_000; passedMs += 5_000) await goOn(5_000, 5_000);
    expect(await statuses()).toEqual({ errored: many + 1 });
  });

  test("that registered and never came are forgotten within minutes, and those that came are not", async () => {
    await control.store.write(async (tx) => {
      for (let i = 0; i < many; i += 1)
        await tx.agents.insert(agentRow(null, { sessionEpoch: 0, lastSeenAt: clock.now() }));
    });
    await goOn(46_000, 46_000);
    expect((await statuses()).unknown).toBe(many + 1);
    for (let passedMs = 0; passedMs < 255_000; passedMs += 5_000) await goOn(5_000, 5_000);
    expect(await statuses()).toEqual({ errored: 1 });
  });

  test("of one organization do not keep those of another waiting", async () => {
    await vanish("unknown");
    await control.store.write((tx) =>
      tx.agents.insert(agentRow(null, { status: "busy", lastSeenAt: new Date(clock.now().getTime() + 1_000) })),
    );
    await goOn(47_000, 47_000);
    expect(await statuses()).toEqual({ unknown: many + 2 });
  });
});
