import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keepAll, openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { agentRow, jobRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { apiKey, pool, token } from "../../../test/support/store/rows.ts";
import { until } from "../../../test/support/until.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Retention } from "../../domain/people/retention.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import { type Configuration, plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { collectGarbage } from "./gc.ts";
import { collectUntil } from "./gc-loop.ts";

const dayMs = 86_400_000;
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
    { retention: { ...keepAll, ...retention }, isDryRun },
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
    ...plainConfiguration,
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

  test("empties a log in one step: nothing that comes between leaves a log that is over and has no end", async () => {
    const { job } = await ended(100);
    const { logs } = fixture.control;
    const steps: string[] = [];
    const watched = new Proxy(logs, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          steps.push(String(name));
          return Reflect.apply(member, target, args);
        };
      },
    });
    await collectGarbage(
      { ...fixture.control, clock, logs: watched },
      { retention: { ...keepAll, logsMs: 30 * dayMs }, isDryRun: false },
    );
    expect(steps.filter((step) => step !== "list")).toEqual(["empty"]);
    expect((await logOf(job)).end).toEqual({ kind: "gap", missingBytes: 5 });
  });

  test("tells in a dry run too that an agent goes whose open job goes with its run", async () => {
    const { control } = fixture;
    const lost = agentRow(null, { status: "errored", lastSeenAt: daysAgo(100) });
    const { run } = await ended(101);
    await ended(1);
    await control.store.write(async (tx) => {
      await tx.agents.insert(lost);
      await tx.jobs.insert(jobRow(run, { phase: "apply", status: "interrupted", agentId: lost.id, epoch: 1 }));
    });
    const retention = { runsMs: 90 * dayMs, lostAgentsMs: 7 * dayMs };
    expect((await gone(retention, true)).agents).toEqual([1, null]);
    expect((await gone(retention)).agents).toEqual([1, null]);
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

  test("forgets agents that were lost long ago, and keeps those that may still come back", async () => {
    const { control } = fixture;
    const lost = agentRow(null, { status: "errored", lastSeenAt: daysAgo(8) });
    const owing = agentRow(null, { status: "errored", lastSeenAt: daysAgo(8) });
    const justLost = agentRow(null, { status: "errored", lastSeenAt: daysAgo(1) });
    const run = runRow(workspace, { status: "errored" });
    await control.store.write(async (tx) => {
      for (const agent of [lost, owing, justLost]) await tx.agents.insert(agent);
      await tx.runs.insert(run);
      await tx.jobs.insert(jobRow(run, { phase: "apply", status: "interrupted", agentId: owing.id, epoch: 1 }));
    });
    expect(await gone({ exitedAgentsMs: dayMs, lostAgentsMs: 7 * dayMs })).toEqual({ agents: [1, null] });
    const rest = await control.store.read((q) => q.upkeep.agents({ after: null, limit: 10 }));
    expect(rest.map(({ id }) => id).toSorted()).toEqual([owing.id, justLost.id].toSorted());
  });
});

describe("what only grows", () => {
  test("is deleted by its age, far more of it than one write takes: audit records and request ids", async () => {
    const { control } = fixture;
    const record = {
      actor: "ana",
      action: "run.create",
      resource: "run_1",
      organizationId: null,
      detail: {},
      address: "",
    };
    const request = { principal: "key_1", method: "m", bodyHash: "h", resourceId: "run_1" };
    await control.store.write(async (tx) => {
      for (let i = 0; i < 1_200; i += 1) await tx.audit.insert({ ...record, at: daysAgo(100) });
      for (let i = 0; i < 1_200; i += 1) await tx.requests.insert({ ...request, requestId: `${i}`, at: daysAgo(2) });
      await tx.audit.insert({ ...record, at: daysAgo(1) });
      await tx.requests.insert({ ...request, requestId: "young", at: clock.now() });
    });
    // The one of the workspace's creation, a year ago, is among them.
    const all = { "audit records": [1_201, null], "request ids": [1_200, null] };
    expect(await gone({ auditMs: 30 * dayMs }, true)).toEqual(all);
    expect(await gone({ auditMs: 30 * dayMs })).toEqual(all);
    expect(await gone({ auditMs: 30 * dayMs })).toEqual({});
    const ofPeople = { organizationId: null, action: "run.", actor: "", resource: "", since: null, until: null };
    const rest = await control.store.read((q) => q.audit.list(ofPeople, { before: null, limit: 9 }));
    expect(rest).toMatchObject([{ at: daysAgo(1) }]);
    expect(await control.store.read((q) => q.requests.get("key_1", "young"))).toBeDefined();
  });

  test("stays for ever if it is an audit record and nothing else is said", async () => {
    const record = {
      actor: "ana",
      action: "run.create",
      resource: "run_1",
      organizationId: null,
      detail: {},
      address: "",
    };
    await fixture.control.store.write((tx) => tx.audit.insert({ ...record, at: daysAgo(5_000) }));
    expect(await gone({})).toEqual({});
  });

  test("goes some time after its end: keys and agent tokens, but for those that agents still finish work with", async () => {
    const { control, organization } = fixture;
    const own = { organizationId: organization.id };
    const places = [
      ["revoked", { revokedAt: daysAgo(91) }],
      ["expired", { expiresAt: daysAgo(91) }],
      ["just-ended", { revokedAt: daysAgo(89), expiresAt: daysAgo(80) }],
      ["valid", { expiresAt: daysAgo(-1) }],
    ] as const;
    await control.store.write(async (tx) => {
      await tx.pools.insert(pool(own));
      for (const [name, ends] of places) {
        await tx.apiKeys.insert(apiKey({ ...own, ...ends, id: `key_${name}`, hash: name }));
        await tx.tokens.insert(token({ ...own, ...ends, id: `atok_${name}` }));
      }
      await tx.tokens.insert(token({ ...own, id: "atok_used", revokedAt: daysAgo(91) }));
      await tx.agents.insert(agentRow(pool(own), { tokenId: "atok_used", status: "busy" }));
      await tx.agents.insert(
        agentRow(pool(own), { tokenId: "atok_expired", status: "errored", lastSeenAt: daysAgo(50) }),
      );
    });
    const retention = { endedKeysMs: 90 * dayMs };
    expect(await gone(retention, true)).toEqual({ "keys and tokens": [3, null] });
    expect(await gone({ ...retention, lostAgentsMs: 40 * dayMs }, true)).toEqual({
      ...{ agents: [1, null], "keys and tokens": [4, null] },
    });
    expect(await gone({ ...retention, lostAgentsMs: 40 * dayMs })).toEqual({
      ...{ agents: [1, null], "keys and tokens": [4, null] },
    });
    const left = await control.store.read(async (q) => [
      ...(await q.apiKeys.list(organization.id, { before: null, limit: 9 })),
      ...(await q.tokens.list({ ...own, poolId: null }, { before: null, limit: 9 })),
    ]);
    expect(left.map(({ id }) => id).toSorted()).toEqual([
      ...["atok_just-ended", "atok_used", "atok_valid", "key_just-ended", "key_valid"],
    ]);
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

test("the server gives back to the disk what deleted logs took", async () => {
  const stop = new AbortController();
  const { control } = fixture;
  const stream = `${newId("job", systemRandom)}/1`;
  const piece = Buffer.alloc(64 * 1024, "x");
  for (let i = 0; i < 100; i += 1) await control.logs.append(stream, i * piece.length, piece);
  const full = await control.logs.space();
  const running = collectUntil(
    { ...control, clock },
    { enter: async () => ({ [Symbol.dispose]: () => {} }) },
    stop.signal,
  );
  await clock.advance(11 * 60_000);
  await until("nothing is free any more", async () => {
    await clock.advance(25);
    const { bytes, freeBytes } = await control.logs.space();
    return freeBytes === 0 && bytes < full.bytes / 10;
  });
  stop.abort();
  await running;
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
  const running = collectUntil(control, { enter }, stop.signal);
  await clock.advance(11 * 60_000);
  expect([entered, await control.blobs.has(key)]).toEqual([1, true]);
  isBusy = false;
  await clock.advance(3_600_000);
  await expect.poll(async () => control.blobs.has(key)).toBe(false);
  stop.abort();
  await running;
});
