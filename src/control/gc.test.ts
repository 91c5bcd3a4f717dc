import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../test/support/control.ts";
import { agentRow, jobRow, runRow, stateRow } from "../../test/support/rows.ts";
import { newWorkspace } from "../../test/support/wanted.ts";
import type { Configuration } from "../domain/configuration.ts";
import type { Job } from "../domain/job.ts";
import type { Retention } from "../domain/retention.ts";
import type { Run } from "../domain/run.ts";
import type { Workspace } from "../domain/workspace.ts";
import { newId } from "../lib/ids.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { systemRandom } from "../lib/random.ts";
import { collectGarbage } from "./gc.ts";
import { collectUntil } from "./gc-loop.ts";
import { createWorkspace } from "./workspaces.ts";

const dayMs = 86_400_000;
const forEver: Retention = { runsMs: null, logsMs: null, configurationsMs: null, exitedAgentsMs: null };

let fixture: TestControl;
let workspace: Workspace;
let clock: ManualClock;

/** Objects carry the time of the disk: a clock that is ahead of it finds them old. */
const inMs = (ms: number) => new ManualClock(new Date(Date.now() + ms));

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  clock = inMs(365 * dayMs);
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const daysAgo = (days: number) => new Date(clock.now().getTime() - days * dayMs);
const put = async (text: string) => {
  const bytes = async function* () {
    yield Buffer.from(text);
  };
  return (await fixture.control.blobs.put(bytes(), { maxBytes: 1_000 })).key;
};
const gone = async (retention: Partial<Retention>, isDryRun = false) => {
  const counts = await collectGarbage(
    { ...fixture.control, clock },
    { retention: { ...forEver, ...retention }, isDryRun },
  );
  return Object.fromEntries(
    counts.filter(({ count }) => count > 0).map(({ kind, count, bytes }) => [kind, [count, bytes]]),
  );
};

async function ended(days: number, over: Partial<Run> = {}): Promise<{ readonly run: Run; readonly job: Job }> {
  const { control } = fixture;
  const at = daysAgo(days);
  const run = runRow(workspace, { status: "applied", createdAt: at, endedAt: at, ...over });
  const job = jobRow(run, { status: "finished", epoch: 1, attempt: 1, endedAt: at, isLogClosed: true, logBytes: 5 });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  await control.logs.append(`${job.id}/1`, 0, Buffer.from("hello"));
  await control.logs.seal(`${job.id}/1`, 5, sha256("hello"));
  return { run, job };
}

async function configuration(days: number, text: string): Promise<Configuration> {
  const row: Configuration = {
    id: newId("cv", systemRandom),
    organizationId: workspace.organizationId,
    workspaceId: workspace.id,
    blobKey: await put(text),
    bytes: text.length,
    sha256: sha256(text),
    fileCount: 1,
    createdBy: "ana",
    createdAt: daysAgo(days),
  };
  await fixture.control.store.write((tx) => tx.configurations.insert(row));
  return row;
}

const has = async ({ id }: Run) => (await fixture.control.store.read((q) => q.runs.get(id))) !== undefined;
const logOf = ({ id }: Job) => fixture.control.logs.read(`${id}/1`, 0, 100);

describe("the retention", () => {
  test("keeps everything for ever unless it is told otherwise", async () => {
    const { run } = await ended(1_000);
    await ended(999);
    expect(await gone({})).toEqual({});
    expect(await has(run)).toBe(true);
  });

  test("deletes old runs with their jobs, logs and plans, and leaves a record of it", async () => {
    const { control } = fixture;
    const plan = await put("a plan");
    const { run, job } = await ended(100, { planBlobKey: plan });
    const { run: young } = await ended(10);
    expect(await gone({ runsMs: 90 * dayMs }, true)).toEqual({
      runs: [1, null],
      "orphaned logs": [1, 5],
      "orphaned objects": [1, 6],
    });
    expect([await has(run), await control.blobs.has(plan), (await logOf(job)).length]).toEqual([true, true, 5]);
    expect(await gone({ runsMs: 90 * dayMs })).toEqual({
      runs: [1, null],
      "orphaned logs": [1, 5],
      "orphaned objects": [1, 6],
    });
    expect([await has(run), await has(young), await control.blobs.has(plan)]).toEqual([false, true, false]);
    expect((await logOf(job)).length).toBe(0);
    expect(await gone({ runsMs: 90 * dayMs })).toEqual({});
  });

  test("never deletes the newest run of a workspace, one that holds it, one with a state kept aside, or one that is not over", async () => {
    const { control } = fixture;
    const { run: quarantined } = await ended(104);
    const { run: holding } = await ended(103, { status: "errored" });
    const { run: active } = await ended(102, { status: "planned", endedAt: null });
    const { run: newest } = await ended(101);
    await control.store.write(async (tx) => {
      await tx.states.insert(stateRow(workspace, { runId: quarantined.id, status: "quarantined", blobKey: "00" }));
      await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: holding.id, at: clock.now() } });
    });
    expect(await gone({ runsMs: dayMs })).toEqual({});
    for (const run of [quarantined, holding, active, newest]) expect(await has(run)).toBe(true);
  });

  test("empties old logs, which then show that their bytes are gone", async () => {
    const { job } = await ended(100);
    const { job: young } = await ended(10);
    expect(await gone({ logsMs: 30 * dayMs })).toEqual({ logs: [1, 5] });
    expect(await logOf(job)).toMatchObject({ length: 0, end: { kind: "gap", missingBytes: 5 } });
    expect(await logOf(young)).toMatchObject({ length: 5, end: { kind: "sealed" } });
    expect(await gone({ logsMs: 30 * dayMs })).toEqual({});
  });

  test("deletes old configurations that no run uses, but never a workspace's newest", async () => {
    const { control } = fixture;
    const unused = await configuration(100, "unused");
    const used = await configuration(99, "used");
    const newest = await configuration(98, "newest");
    await ended(50, { configurationId: used.id });
    expect(await gone({ configurationsMs: 30 * dayMs })).toEqual({
      configurations: [1, 6],
      "orphaned objects": [1, 6],
    });
    expect(await control.store.read((q) => q.configurations.get(unused.id))).toBeUndefined();
    for (const { blobKey } of [used, newest]) expect(await control.blobs.has(blobKey)).toBe(true);
  });

  test("forgets agents that said good-bye long ago, unless something of theirs may still come", async () => {
    const { control } = fixture;
    const left = agentRow(null, { status: "exited", lastSeenAt: daysAgo(2) });
    const owing = agentRow(null, { status: "exited", lastSeenAt: daysAgo(2) });
    const idle = agentRow(null, { status: "idle", lastSeenAt: daysAgo(2) });
    const run = runRow(workspace, { status: "errored" });
    await control.store.write(async (tx) => {
      for (const agent of [left, owing, idle]) await tx.agents.insert(agent);
      await tx.runs.insert(run);
      await tx.jobs.insert(jobRow(run, { phase: "apply", status: "interrupted", agentId: owing.id, epoch: 1 }));
    });
    expect(await gone({ exitedAgentsMs: dayMs })).toEqual({ agents: [1, null] });
    const rest = await control.store.read((q) => q.upkeep.agents({ after: null, limit: 10 }));
    expect(rest.map(({ id }) => id).toSorted()).toEqual([owing.id, idle.id].toSorted());
  });
});

describe("what nothing refers to", () => {
  test("is deleted in any case: objects and logs", async () => {
    const { control } = fixture;
    const orphan = await put("orphan");
    const state = await put("a state");
    await control.store.write((tx) => tx.states.insert(stateRow(workspace, { blobKey: state })));
    await control.logs.append(`${newId("job", systemRandom)}/1`, 0, Buffer.from("nobody's"));
    expect(await gone({})).toEqual({ "orphaned logs": [1, 8], "orphaned objects": [1, 6] });
    expect([await control.blobs.has(orphan), await control.blobs.has(state)]).toEqual([false, true]);
  });

  test("stays for an hour if it is an object: its row may be on the way", async () => {
    const key = await put("just uploaded");
    clock = inMs(50 * 60_000);
    expect(await gone({})).toEqual({});
    clock = inMs(70 * 60_000);
    expect(await gone({})).toEqual({ "orphaned objects": [1, 13] });
    expect(await fixture.control.blobs.has(key)).toBe(false);
  });
});

test("the server collects after a while and then every hour, unless a backup is under way", async () => {
  const control = { ...fixture.control, clock };
  const stop = new AbortController();
  let isBusy = true;
  let entered = 0;
  const enter = async () => {
    entered += 1;
    return isBusy ? undefined : { [Symbol.dispose]: () => {} };
  };
  const key = await put("orphan");
  const running = collectUntil(control, { retention: forEver, enter }, stop.signal);
  await clock.advance(11 * 60_000);
  expect([entered, await control.blobs.has(key)]).toEqual([1, true]);
  isBusy = false;
  await clock.advance(3_600_000);
  await expect.poll(async () => control.blobs.has(key)).toBe(false);
  stop.abort();
  await running;
});
