import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow } from "../../../test/support/rows.ts";
import { at, job, pool, run, workspace } from "../../../test/support/store/rows.ts";
import type { Control } from "../../control/core/control.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import type { LogStore } from "../../store/ports/logs.ts";
import { meteredLogs, meteredStore } from "./metered-stores.ts";
import { createMetrics } from "./metrics.ts";
import { stateMetrics } from "./state-metrics.ts";
import { storageMetrics } from "./storage-metrics.ts";

let held: AsyncDisposableStack;
let fixture: TestControl;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  fixture = held.use(await openTestControl());
});
afterEach(() => held.disposeAsync());

const metrics = () => createMetrics("1.2.3");
type Metrics = ReturnType<typeof createMetrics>;

/** A sample as Prometheus reads it; undefined if there is none. */
async function sample({ registry }: Pick<Metrics, "registry">, series: string): Promise<number | undefined> {
  const line = (await registry.metrics()).split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("what is counted as it happens", () => {
  test("calls by method and code, and how long those took that are no streams", async () => {
    const made = metrics();
    const call = { header: () => null, isStream: false, method: "a.A/Get" };
    made.observeCall(call)("OK");
    made.observeCall(call)("NOT_FOUND");
    made.observeCall({ ...call, method: "a.A/Watch", isStream: true })("OK");
    const total = (method: string, code: string) =>
      sample(made, `windlass_rpc_calls_total{method="${method}",code="${code}"}`);
    expect([await total("a.A/Get", "OK"), await total("a.A/Get", "NOT_FOUND")]).toEqual([1, 1]);
    expect(await total("a.A/Watch", "OK")).toBe(1);
    expect(await sample(made, 'windlass_rpc_seconds_count{method="a.A/Get"}')).toBe(2);
    expect(await sample(made, 'windlass_rpc_seconds_count{method="a.A/Watch"}')).toBeUndefined();
    expect(await sample(made, 'windlass_build_info{version="1.2.3"}')).toBe(1);
  });

  test("jobs by their waits and outcomes; one that never began has no duration, and no wait is negative", async () => {
    const made = metrics();
    made.jobStarted("plan", 2_000);
    made.jobStarted("plan", -1);
    made.jobEnded({ ...job({ phase: "apply", status: "errored", startedAt: at(0), endedAt: at(90) }) });
    made.jobEnded({ ...job({ phase: "apply", status: "canceled", startedAt: null, endedAt: at(1) }) });
    expect(await sample(made, 'windlass_job_wait_seconds_sum{phase="plan"}')).toBe(2);
    expect(await sample(made, 'windlass_job_wait_seconds_count{phase="plan"}')).toBe(2);
    expect(await sample(made, 'windlass_job_seconds_sum{phase="apply",status="errored"}')).toBe(90);
    expect(await sample(made, 'windlass_job_seconds_count{phase="apply",status="canceled"}')).toBeUndefined();
  });

  test("logs that are not what their agents reported, also of jobs that never began", async () => {
    const made = metrics();
    made.jobEnded(job({ logProblem: { kind: "agent_lost" } }));
    expect(await sample(made, 'windlass_log_problems_total{problem="agent_lost"}')).toBe(1);
  });
});

describe("a metered store", () => {
  test("answers as the store, and tells how long its transactions took, the refused ones too", async () => {
    const made = metrics();
    let ms = 0;
    // Between any two looks at it a quarter of a second has gone by.
    const clock = { monotonicMs: () => (ms += 250), now: () => at(0), sleep: async () => {} };
    const store = meteredStore(fixture.control.store, made, clock);
    expect(store.engine).toBe("sqlite");
    const found = await store.read((q) => q.organizations.byName("acme"));
    expect(found?.id).toBe(fixture.organization.id);
    await expect(store.write((tx) => tx.organizations.insert(fixture.organization))).rejects.toMatchObject({
      code: "name_taken",
    });
    await store.step((tx) => tx.meta.set("a", "b"));
    expect(await sample(made, 'windlass_store_seconds_sum{kind="read"}')).toBe(0.25);
    expect(await sample(made, 'windlass_store_seconds_count{kind="write"}')).toBe(1);
    expect(await sample(made, 'windlass_store_seconds_count{kind="step"}')).toBe(1);
    expect(await store.space()).toEqual(await fixture.control.store.space());
  });

  test("of logs counts the bytes that are stored, and neither those behind a gap nor those that were there", async () => {
    await using own = await openTestControl({ hasLogs: true });
    const made = metrics();
    const logs: LogStore = meteredLogs(own.control.logs, made, own.clock);
    const stream = "job_1/1";
    const bytes = Buffer.from("hello");
    await logs.append(stream, 0, bytes);
    expect(await logs.append(stream, 6, bytes)).not.toMatchObject({ kind: "appended" });
    expect(await logs.nextOffset(stream)).toBe(5);
    expect(await sample(made, "windlass_log_bytes_total")).toBe(5);
    expect(await sample(made, "windlass_log_append_seconds_count")).toBe(1);
    for (const text of ["hello", "hello, you"]) await logs.append(stream, 0, Buffer.from(text));
    expect(await sample(made, "windlass_log_bytes_total")).toBe(10);
  });
});

describe("what is looked up before each scrape", () => {
  const ofPool = 'organization="acme",pool="prod"';

  async function filled() {
    const { control, organization } = fixture;
    const prod = pool({ id: newId("apool", systemRandom), organizationId: organization.id });
    const idle = agentRow(prod);
    const kept = {
      jobId: "job_1",
      epoch: 1,
      runId: "run_1",
      workspace: "w",
      reason: "",
      path: "/x",
      sizeBytes: 1,
      keptAtMs: 0,
    };
    await control.store.write(async (tx) => {
      await tx.pools.insert(prod);
      await tx.agents.insert({ ...idle, keptDirectories: [kept] });
      await tx.agents.insert(agentRow(prod, { name: "vm-2", status: "errored" }));
    });
    const connected = fakeConnectedAgent({ agentId: idle.id, name: idle.name, poolId: prod.id }).connected;
    control.presence.enter(connected);
    return { prod, connected };
  }

  test("is told by pool; what is no more is not told as it was", async () => {
    const { control } = fixture;
    const { prod, connected } = await filled();
    const made = metrics();
    const refresh = stateMetrics(made.registry, control);
    await refresh();
    const agents = (status: string) => sample(made, `windlass_pool_agents{${ofPool},status="${status}"}`);
    expect([await agents("idle"), await agents("errored"), await agents("busy")]).toEqual([1, 1, 0]);
    expect(await sample(made, "windlass_connected_agents")).toBe(1);
    expect(await sample(made, `windlass_kept_directories{${ofPool}}`)).toBe(1);
    expect(await sample(made, `windlass_pool_oldest_wait_seconds{${ofPool}}`)).toBe(0);
    expect(await sample(made, `windlass_refusing_agents{${ofPool}}`)).toBe(0);
    control.presence.leave(connected);
    await control.store.write((tx) => tx.pools.delete(prod.id));
    await refresh();
    expect([await agents("idle"), await sample(made, "windlass_connected_agents")]).toEqual([undefined, 0]);
  });

  test("what is stored: objects are counted in the background, and every ten minutes at most", async () => {
    const { control, clock } = fixture;
    let counts = 0;
    const blobs: Control["blobs"] = Object.assign(Object.create(control.blobs), {
      usage: async () => {
        counts += 1;
        if (counts === 2) throw new Error("the disk is away");
        return { count: counts, bytes: counts * 100 };
      },
    });
    const logs = Object.assign(Object.create(control.logs), { space: async () => ({ bytes: 7, freeBytes: null }) });
    const made = metrics();
    const storage = storageMetrics(made.registry, { ...control, blobs, logs });
    const objects = async () => {
      await storage.refresh();
      return sample(made, "windlass_objects");
    };
    await objects();
    await expect.poll(objects).toBe(1);
    expect(await sample(made, 'windlass_storage_bytes{kind="objects"}')).toBe(100);
    expect(await sample(made, 'windlass_storage_bytes{kind="logs"}')).toBe(7);
    expect(await sample(made, 'windlass_storage_free_bytes{kind="logs"}')).toBeUndefined();
    expect(counts).toBe(1);
    await clock.advance(600_000);
    await objects();
    await expect.poll(() => counts).toBe(2);
    // A count that fails leaves what was known.
    expect(await objects()).toBe(1);
    await clock.advance(600_000);
    await objects();
    await expect.poll(objects).toBe(3);
    await storage[Symbol.asyncDispose]();
  });

  test("how old the oldest run is that is kept", async () => {
    const { control, clock, organization } = fixture;
    const made = metrics();
    const logs = Object.assign(Object.create(control.logs), { space: async () => ({ bytes: 0, freeBytes: 0 }) });
    await using storage = storageMetrics(made.registry, { ...control, logs });
    const age = async () => {
      await storage.refresh();
      return sample(made, "windlass_oldest_run_seconds");
    };
    expect(await age()).toBe(0);
    const ended = (seconds: number) => new Date(clock.now().getTime() - seconds * 1_000);
    const ofAcme = { organizationId: organization.id };
    await control.store.write(async (tx) => {
      await tx.workspaces.insert(workspace(ofAcme));
      for (const [id, seconds] of [
        ["run_new", 60],
        ["run_old", 3_600],
      ] as const)
        await tx.runs.insert(run({ ...ofAcme, id, status: "applied", endedAt: ended(seconds) }));
      await tx.runs.insert(run({ ...ofAcme, id: "run_open", createdAt: ended(9_999) }));
    });
    expect(await age()).toBe(3_600);
    // Another process' clock is ahead.
    await control.store.write((tx) => tx.runs.save(run({ ...ofAcme, id: "run_old", endedAt: ended(-5) })));
    await control.store.write((tx) => tx.upkeep.deleteRun("run_new"));
    expect(await age()).toBe(0);
  });
});
