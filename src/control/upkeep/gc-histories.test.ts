import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { keepAll, noLogs } from "../../../test/support/control.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { memoryBlobs } from "../../../test/support/memory-blobs.ts";
import { job, organization, run, state, workspace } from "../../../test/support/store/rows.ts";
import { type KeptStates, lastStates, type Retention } from "../../domain/people/retention.ts";
import type { Job } from "../../domain/runs/job.ts";
import { isFinal, type Run, type RunStatus } from "../../domain/runs/run.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { silentLog } from "../../lib/program/log.ts";
import { openStore } from "../../store/open.ts";
import type { Queries, Store } from "../../store/ports/store.ts";
import { collectGarbage } from "./gc.ts";
import type { GcControl, GcCount } from "./gc-counts.ts";

const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const day = (number: number) => new Date(start + number * dayMs);

/** What happened on a day in a workspace: a push, or a run with the states of its apply, in the order in which they came. */
interface Deed {
  readonly days: number;
  readonly kind: "push" | "run";
  readonly status: RunStatus;
  readonly states: readonly { readonly isQuarantined: boolean; readonly sequence: number; readonly isFinal: boolean }[];
  readonly holds: boolean;
}

const deeds = fc.array(
  fc.record({
    days: fc.integer({ min: 0, max: 12 }),
    kind: fc.constantFrom("push", "run", "run", "run"),
    status: fc.constantFrom("applied", "applied", "applied", "errored", "planned_and_finished", "applying", "planned"),
    states: fc.array(
      fc.record({
        isQuarantined: fc.constantFrom(false, false, false, false, true),
        sequence: fc.integer({ min: 0, max: 3 }),
        isFinal: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    holds: fc.constantFrom(false, false, false, true),
  }),
  { maxLength: 12 },
) satisfies fc.Arbitrary<readonly Deed[]>;

const durations = fc.constantFrom(null, dayMs, 10 * dayMs, 40 * dayMs);
const kept: fc.Arbitrary<KeptStates | null> = fc.oneof(
  fc.constant(null),
  fc.record({ kind: fc.constant("count" as const), count: fc.integer({ min: lastStates, max: 6 }) }),
  fc.record({ kind: fc.constant("age" as const), ms: fc.constantFrom(dayMs, 10 * dayMs, 40 * dayMs) }),
);
const histories = fc.record({
  workspaces: fc.array(deeds, { minLength: 1, maxLength: 2 }),
  /** How many accepted states before the last one is the current one: a person has adopted one that was kept aside. */
  currentBefore: fc.constantFrom(0, 0, 0, 1, 5),
  runsMs: durations,
  states: kept,
});

interface World {
  readonly now: Date;
  readonly workspaces: Workspace[];
  readonly runs: Run[];
  readonly jobs: Job[];
  readonly states: StateVersion[];
}

function worldOf(all: readonly (readonly Deed[])[], currentBefore: number): World {
  const world: World = { now: day(200), workspaces: [], runs: [], jobs: [], states: [] };
  for (const [place, history] of all.entries()) {
    const id = `ws_${place}` as const;
    let at = 0;
    let lock: Workspace["lock"] = null;
    for (const [number, entry] of history.entries()) {
      at += entry.days;
      const made = statesOf(entry, { id, number, at });
      world.states.push(...made);
      if (entry.kind === "push") continue;
      const runId = `run_${place}_${number}` as const;
      const endedAt = isFinal(entry.status) ? day(at) : null;
      world.runs.push(run({ id: runId, workspaceId: id, status: entry.status, createdAt: day(at), endedAt }));
      world.jobs.push(job({ id: jobOf(runId), runId, workspaceId: id, phase: "apply", status: "finished" }));
      if (entry.holds) lock = { kind: "run", runId, at: day(at) };
    }
    const accepted = acceptedOf(world.states, id);
    const current = accepted.at(Math.min(currentBefore, accepted.length - 1));
    for (const [index, each] of world.states.entries())
      if (each === current) world.states[index] = { ...each, status: "current" };
    world.workspaces.push(workspace({ id, name: `w${place}`, lock, currentStateId: current?.id ?? null }));
  }
  return world;
}

const jobOf = (runId: Run["id"]) => `job_${runId.slice(4)}` as const;

function statesOf(
  { kind, states }: Deed,
  { id, number, at }: { readonly id: Workspace["id"]; readonly number: number; readonly at: number },
): StateVersion[] {
  const wanted = kind === "push" ? [{ isQuarantined: false, sequence: 0, isFinal: false }] : states;
  const runId = kind === "push" ? null : (`run_${id.slice(3)}_${number}` as const);
  return wanted.map(({ isQuarantined, sequence, isFinal: isLast }, index) =>
    state({
      ...{ id: `sv_${id.slice(3)}_${String(number).padStart(2, "0")}_${index}`, workspaceId: id, runId },
      ...{ jobId: runId === null ? null : jobOf(runId), jobSequence: sequence, isFinal: isLast, serial: number },
      ...{
        status: isQuarantined ? "quarantined" : "superseded",
        createdAt: day(at),
        blobKey: `${id}${number}${index}`,
      },
    }),
  );
}

/** Newest first. */
const acceptedOf = (states: readonly StateVersion[], id: Workspace["id"]) =>
  states
    .filter((row) => row.workspaceId === id && row.status !== "quarantined")
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));

/** What must go, told in the words of the rules, without a database. */
function expected({ now, workspaces, runs, states }: World, { runsMs, states: keep }: Retention) {
  const isOlder = (at: Date | null, ms: number) => at !== null && at.getTime() < now.getTime() - ms;
  const newest = (id: Workspace["id"]) =>
    runs
      .filter((row) => row.workspaceId === id)
      .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))[0]?.id;
  const lockOf = (id: Workspace["id"]) => workspaces.find((row) => row.id === id)?.lock;
  const goneRuns = runs.filter((row) => {
    const lock = lockOf(row.workspaceId);
    const waits = states.some(({ runId, status }) => runId === row.id && status === "quarantined");
    const holds = lock?.kind === "run" && lock.runId === row.id;
    return runsMs !== null && isOlder(row.endedAt, runsMs) && row.id !== newest(row.workspaceId) && !holds && !waits;
  });
  const left = runs.filter((row) => !goneRuns.includes(row));
  const goneStates = states.filter((row) => {
    const accepted = acceptedOf(states, row.workspaceId);
    const place = accepted.indexOf(row);
    if (keep === null || row.status !== "superseded") return false;
    if (place <= (keep.kind === "count" ? Math.max(keep.count, lastStates) : lastStates)) return false;
    if (keep.kind === "age" && !isOlder(accepted[place - 1]?.createdAt ?? null, keep.ms)) return false;
    const own = left.find(({ id }) => id === row.runId);
    if (own === undefined) return true;
    const ofRun = states.filter(({ runId }) => runId === own.id);
    const last = ofRun.toSorted(
      (a, b) => Number(b.isFinal) - Number(a.isFinal) || b.jobSequence - a.jobSequence || (a.id < b.id ? 1 : -1),
    )[0];
    return isFinal(own.status) && acceptedOf(ofRun, row.workspaceId)[0] !== row && last !== row;
  });
  return { runs: ids(goneRuns), states: ids(goneStates) };
}

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).toSorted();

describe.each(testEngines)("a collection on $name", (engine) => {
  let held: AsyncDisposableStack;
  let store: Store;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    store = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    await store.write((tx) => tx.organizations.insert(organization()));
  });
  afterEach(() => held.disposeAsync());

  const all = async (q: Queries) => ({
    runs: ids([
      ...(await q.upkeep.activeRuns({ after: null, limit: 1_000 })),
      ...(await q.upkeep.endedRuns(day(10_000), { after: null, limit: 1_000 })),
    ]),
    states: ids(await q.upkeep.states({ after: null, limit: 1_000 })),
  });
  const fill = (world: World) =>
    store.write(async (tx) => {
      for (const row of world.workspaces) await tx.workspaces.insert(row);
      for (const row of world.runs) await tx.runs.insert(row);
      for (const row of world.jobs) await tx.jobs.insert(row);
      for (const row of world.states) await tx.states.insert(row);
    });
  const empty = ({ workspaces }: World) =>
    store.write(async (tx) => {
      for (const { id } of workspaces) await tx.workspaces.delete(id);
    });
  const tallies = (counts: readonly GcCount[]) =>
    Object.fromEntries(counts.map(({ kind, count, bytes }) => [kind, `${count} ${bytes}`]));

  test(
    "deletes of any history what the rules say and nothing else, and a dry run has told just that",
    { timeout: 120_000 },
    () =>
      fc.assert(
        fc.asyncProperty(histories, async ({ workspaces, currentBefore, runsMs, states }) => {
          const world = worldOf(workspaces, currentBefore);
          const blobs = memoryBlobs();
          const control: GcControl = {
            ...{ store, blobs, clock: new ManualClock(world.now), log: silentLog() },
            logs: { ...noLogs, list: async () => [] },
          };
          const retention = { ...keepAll, runsMs, states };
          await fill(world);
          try {
            const before = await store.read(all);
            const told = await collectGarbage(control, { retention, isDryRun: true });
            expect(await store.read(all)).toEqual(before);
            const done = await collectGarbage(control, { retention, isDryRun: false });
            expect(tallies(done)).toEqual(tallies(told));
            const after = await store.read(all);
            const gone = {
              runs: before.runs.filter((id) => !after.runs.includes(id)),
              states: before.states.filter((id) => !after.states.includes(id)),
            };
            expect(gone).toEqual(expected(world, retention));
            const again = await collectGarbage(control, { retention, isDryRun: false });
            expect(again.filter(({ count }) => count > 0)).toEqual([]);
          } finally {
            await empty(world);
          }
        }),
        { numRuns: engine.name === "sqlite" ? 150 : 25 },
      ),
  );
});
