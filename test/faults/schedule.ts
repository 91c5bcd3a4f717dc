import { setTimeout as pause } from "node:timers/promises";
import { isFinal } from "../support/api.ts";
import { openScene } from "../support/scene.ts";
import { Seeded } from "../support/seeded.ts";
import { until } from "../support/until.ts";
import { checkAll, type Findings, jobDirectories, stateName } from "./checks.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import type { FakeHabit } from "./fake-plan.ts";
import { type DrawnRun, drawRun, driveRun, type FaultRun, prepareRun } from "./fault-run.ts";
import { describeFault, drawFailpoint, drawFaults, inject, kindOf, type TimedFault } from "./faults.ts";
import { drawLinks } from "./links.ts";
import type { ArmedFailpoint } from "./member.ts";
import { persistently } from "./persist.ts";
import { drawReplicaFaults, type Later } from "./replica-faults.ts";

export interface BatchOptions {
  readonly seed: number;
  /** Each is one schedule: a run of its own, at its own moment of the batch's faults. */
  readonly runs: number;
  readonly databaseUrl?: string;
  /** So many servers behind a balancer, on one PostgreSQL, which fails as well; one server if absent. */
  readonly replicas?: number | undefined;
  /** The habit of every terraform; without it each run draws its own. */
  readonly habit?: FakeHabit | undefined;
  /** False: no link is slow or cut again and again for long. */
  readonly hasLinks?: boolean | undefined;
}

/** What one batch of schedules has shown. */
export interface BatchReport extends Findings {
  readonly seed: number;
  readonly habit: FakeHabit | "drawn";
  readonly hasLinks: boolean;
  readonly replicas: number;
  readonly runs: number;
  /** How the runs ended, by state. */
  readonly ends: Readonly<Record<string, number>>;
  /** Faults that were injected, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Failpoints that ended a program, by name. */
  readonly failpoints: Readonly<Record<string, number>>;
  readonly starts: number;
  readonly seconds: number;
  /** What the programs said, when something is wrong. */
  readonly evidence: string;
}

const agentCount = 2;
/** What a healed cluster may take to come to rest: an agent's back-off alone may last a minute. */
const restMs = 180_000;

interface Drawn {
  readonly durationMs: number;
  readonly runs: readonly DrawnRun[];
  readonly faults: readonly TimedFault[];
  readonly failpoints: readonly (ArmedFailpoint | undefined)[];
}

function drawBatch({ seed, runs, habit, hasLinks = true, replicas }: BatchOptions): Drawn {
  const random = new Seeded(seed);
  // Many runs at once take longer: the faults should meet all of them.
  const durationMs = Math.round(random.between(5_000, 14_000) * Math.max(1, runs / 48));
  const isMixed = random.chance(0.25);
  // The real terraform has its own habit.
  const realShare = isMixed && habit !== "tofu" ? 0.5 : 0;
  const drawn = Array.from({ length: runs }, () => drawRun(random.fork(), durationMs, { realShare, habit }));
  const faults = drawFaults(random.fork(), durationMs, agentCount);
  const failpoints = [undefined, 0, 1].map((number) =>
    random.chance(0.3) && number !== undefined ? drawFailpoint(random, { role: "agent", number }) : undefined,
  );
  // Of a generator of its own: all else is drawn as without them.
  const links = hasLinks ? drawLinks(new Seeded(seed ^ 0x6c696e6b), durationMs, agentCount) : [];
  const timeline = [...faults, ...links].sort((one, other) => one.atMs - other.atMs);
  const all =
    replicas === undefined
      ? timeline
      : drawReplicaFaults(new Seeded(seed ^ 0x7265706c), timeline, { durationMs, replicas });
  return { durationMs, runs: drawn, faults: all, failpoints };
}

/** Runs a batch of schedules on a cluster of its own, heals it, waits until it rests, and checks every promise. */
export async function runBatch(options: BatchOptions): Promise<BatchReport> {
  const startedMs = performance.now();
  const drawn = drawBatch(options);
  await using scene = await openScene();
  const { databaseUrl, replicas } = options;
  await using cluster = await openCluster(scene, {
    agents: agentCount,
    concurrency: Math.ceil(options.runs / agentCount) + 1,
    failpoints: drawn.failpoints,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(replicas === undefined ? {} : { replicas }),
  });
  const { runs, endedByUs } = await playBatch(cluster, drawn);
  const unrest = await rest(cluster, runs);
  const findings = await checkAll(cluster, runs, endedByUs);
  const ends = await Promise.all(runs.map(async ({ id }) => stateName(await cluster.api.run(id))));
  const violations = [...unrest, ...findings.violations, ...(await closeAll(cluster))];
  // Said here as well: disposing the scene fails, too, when something is left.
  if (violations.length > 0) console.error(`seed ${options.seed}: ${violations.join("\n")}`);
  const members = [...cluster.servers, ...cluster.agents].map(({ member }) => member);
  const evidence = violations.length === 0 ? "" : [timelineOf(drawn), scene.report()].join("\n");
  return {
    ...findings,
    ...{ violations, evidence, seed: options.seed, habit: options.habit ?? "drawn", runs: runs.length },
    hasLinks: options.hasLinks ?? true,
    replicas: replicas ?? 1,
    ends: counted(ends),
    faults: counted(drawn.faults.map(({ fault }) => kindOf(fault))),
    failpoints: counted(members.flatMap(({ died }) => died)),
    starts: members.reduce((sum, { starts }) => sum + starts, 0),
    seconds: Math.round((performance.now() - startedMs) / 1000),
  };
}

const counted = (names: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...new Set(names)].sort().map((name) => [name, names.filter((other) => other === name).length]));

const timelineOf = ({ faults, failpoints, runs }: Drawn): string =>
  [
    `failpoints at the start: ${JSON.stringify(failpoints)}`,
    ...runs.map((run) => `run at ${run.startMs} ms: ${JSON.stringify(run)}`),
    ...faults.map(({ atMs, fault }) => `${atMs} ms: ${describeFault(fault)}`),
  ].join("\n");

interface Played {
  readonly runs: readonly FaultRun[];
  readonly endedByUs: ReadonlySet<number>;
}

/** Starts the runs and lets the faults happen, each at its time; then everything is mended. */
async function playBatch(cluster: Cluster, { runs, faults, durationMs }: Drawn): Promise<Played> {
  const workspaces: string[] = [];
  for (const run of runs) workspaces.push(await prepareRun(cluster, run));
  const driven = Promise.all(runs.map((run, index) => driveRun(cluster, workspaces[index] ?? "", run)));
  const endedByUs = new Set<number>();
  const lasting: Promise<unknown>[] = [];
  const later: Later = (ms, undo) => void lasting.push(pause(ms).then(undo));
  const startedMs = performance.now();
  for (const { atMs, fault } of faults) {
    await pause(Math.max(0, startedMs + atMs - performance.now()));
    const pid = await inject(cluster, fault, later);
    if (pid !== undefined) endedByUs.add(pid);
  }
  await pause(Math.max(0, startedMs + durationMs - performance.now()));
  await Promise.all(lasting);
  for (const { proxy } of cluster.agents) proxy.heal();
  for (const { links } of cluster.servers) for (const link of Object.values(links ?? {})) link.heal();
  for (const { member } of cluster.servers) await member.ready();
  return { runs: await driven, endedByUs };
}

/** Waits until every run has ended and every agent has delivered everything; says what does not come to rest. */
async function rest(cluster: Cluster, runs: readonly FaultRun[]): Promise<readonly string[]> {
  const isResting = async () => {
    for (const { id } of runs) if (!isFinal(await persistently(() => cluster.api.run(id)))) return false;
    for (const { dataDir } of cluster.agents) if ((await jobDirectories(dataDir)).length > 0) return false;
    return true;
  };
  try {
    await until("everything has come to rest", isResting, { deadlineMs: restMs, everyMs: 200 });
    return [];
  } catch (error) {
    return [String(error)];
  }
}

/** Idle programs end at once, and well. */
async function closeAll(cluster: Cluster): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const { member } of [...cluster.agents, ...cluster.servers]) {
    try {
      const { code, signal } = await member.close();
      if (code !== 0) problems.push(`${member.name} ended with ${signal ?? code} on SIGTERM`);
    } catch (error) {
      problems.push(String(error));
    }
  }
  return problems;
}
