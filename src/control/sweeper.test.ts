import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { agentRow, jobRow, runRow } from "../../test/support/rows.ts";
import { newPool, newWorkspace } from "../../test/support/wanted.ts";
import type { Job } from "../domain/job.ts";
import type { Clock } from "../lib/clock.ts";
import { createPool } from "./agent-pools.ts";
import type { Control } from "./control.ts";
import { sweepUntil } from "./sweeper.ts";
import { createWorkspace } from "./workspaces.ts";

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
  const content = { blobKey: "00", bytes: 1, sha256: "00", fileCount: 1, createdBy: "ana", createdAt: clock.now() };
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
