import { expect } from "vitest";
import { isFinal } from "../support/api.ts";
import { until } from "../support/until.ts";
import { checkAll, jobDirectories } from "./checks.ts";
import type { Cluster } from "./cluster.ts";
import type { FakePlan } from "./fake-plan.ts";
import { driveRun, type FaultRun, prepareRun } from "./fault-run.ts";
import { persistently } from "./persist.ts";

let lineages = 0;

/** A fake run that prints so many lines and creates an object with each tenth of them. */
export function fakePlan(change: Partial<FakePlan> = {}): FakePlan {
  const applyLines = change.applyLines ?? 100;
  const every = Math.max(2, Math.floor(applyLines / 10));
  lineages++;
  return {
    planLines: 5,
    applyLines,
    every,
    pace: 0.05,
    wide: 3,
    mode: "obey",
    saves: "rise",
    habit: "terraform",
    lineage: `lineage-${lineages}`,
    ...change,
  };
}

/** Starts a fake run in a workspace of its own. */
export async function startFakeRun(cluster: Cluster, plan: FakePlan): Promise<FaultRun> {
  const drawn = { startMs: 0, cancelMs: undefined, subject: { kind: "fake", plan } } as const;
  return driveRun(cluster, await prepareRun(cluster, drawn), drawn);
}

/** Waits until terraform has written so many serials of a run. */
export const untilApplying = (cluster: Cluster, { id }: FaultRun, serials = 1): Promise<true> =>
  until(`serial ${serials} of ${id}`, async () => (await cluster.engine.serials(id)).length >= serials, {
    deadlineMs: 60_000,
  });

/** Waits until every run has ended and is delivered, and expects that every promise was kept. */
export async function expectPromisesKept(cluster: Cluster, runs: readonly FaultRun[], deadlineMs = 120_000) {
  const findings = await findingsAtRest(cluster, runs, deadlineMs);
  expect(findings.violations).toEqual([]);
  return findings;
}

/** Waits until every run has ended and is delivered, and answers what is wrong then. */
export async function findingsAtRest(cluster: Cluster, runs: readonly FaultRun[], deadlineMs = 120_000) {
  const isResting = async () => {
    for (const { id } of runs) if (!isFinal(await persistently(() => cluster.api.run(id)))) return false;
    for (const { dataDir } of cluster.agents) if ((await jobDirectories(dataDir)).length > 0) return false;
    return true;
  };
  await until("everything has come to rest", isResting, { deadlineMs, everyMs: 200 });
  return checkAll(cluster, runs, new Set());
}
