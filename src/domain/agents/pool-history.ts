/** When a job of a pool began to wait, was started and ended. */
export interface JobTimes {
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

/** How long jobs had waited when they were started. */
export interface Waits {
  readonly started: number;
  /** Null if none was started. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** How a pool was used in one minute. */
export interface PoolMinute extends Waits {
  readonly beginsAt: Date;
  /** The most jobs at the same time. */
  readonly queued: number;
  readonly running: number;
}

/** How a pool was used lately: minute by minute, oldest first, and on the whole. */
export interface PoolHistory extends Waits {
  readonly minutes: readonly PoolMinute[];
}

export const minuteMs = 60_000;
const mostMinutes = 60;

/** When the minutes of a history begin; with `knownFrom` only those of which everything is known. */
export function beginsOfMinutes(now: Date, knownFrom: Date | null): readonly Date[] {
  const last = Math.floor(now.getTime() / minuteMs) * minuteMs;
  const begins = Array.from({ length: mostMinutes }, (_, at) => new Date(last - (mostMinutes - 1 - at) * minuteMs));
  return knownFrom === null ? begins : begins.filter((at) => at >= knownFrom);
}

/** How a pool was used in these minutes, which follow one another. */
export function historyOf(jobs: readonly JobTimes[], begins: readonly Date[]): PoolHistory {
  const waiting = jobs.map(({ queuedAt, startedAt, endedAt }) => ({ from: queuedAt, to: startedAt ?? endedAt }));
  const working = jobs.flatMap(({ startedAt, endedAt }) =>
    startedAt === null ? [] : [{ from: startedAt, to: endedAt }],
  );
  const [queued, running] = [peaksOf(waiting, begins), peaksOf(working, begins)];
  const waits = waitsByMinute(jobs, begins);
  const minutes = begins.map((beginsAt, at) => ({
    ...{ beginsAt, queued: queued[at] ?? 0, running: running[at] ?? 0 },
    ...percentilesOf(waits[at] ?? []),
  }));
  return { minutes, ...percentilesOf(waits.flat()) };
}

interface Span {
  readonly from: Date;
  /** Null for one that goes on. */
  readonly to: Date | null;
}

/** Of each minute the most spans that overlap. One that ends when another begins does not overlap it. */
function peaksOf(spans: readonly Span[], begins: readonly Date[]): readonly number[] {
  const steps = spans
    .flatMap(({ from, to }) => [
      { atMs: from.getTime(), by: 1 },
      { atMs: to?.getTime() ?? Infinity, by: -1 },
    ])
    .filter(({ atMs }) => atMs !== Infinity)
    .toSorted((a, b) => a.atMs - b.atMs || a.by - b.by);
  let level = 0;
  let next = 0;
  return begins.map((begin) => {
    const [fromMs, toMs] = [begin.getTime(), begin.getTime() + minuteMs];
    let peak = 0;
    for (let step = steps[next]; step !== undefined && step.atMs < toMs; step = steps[++next]) {
      if (step.atMs > fromMs) peak = Math.max(peak, level);
      level += step.by;
    }
    return Math.max(peak, level);
  });
}

function waitsByMinute(jobs: readonly JobTimes[], begins: readonly Date[]): readonly (readonly number[])[] {
  const firstMs = begins[0]?.getTime() ?? 0;
  const waits: number[][] = begins.map(() => []);
  for (const { queuedAt, startedAt } of jobs) {
    if (startedAt === null) continue;
    const minute = Math.floor((startedAt.getTime() - firstMs) / minuteMs);
    waits[minute]?.push(Math.max(0, startedAt.getTime() - queuedAt.getTime()));
  }
  return waits;
}

/** Each is the wait of one of the jobs, by the nearest rank. */
function percentilesOf(waitsMs: readonly number[]): Waits {
  const sorted = waitsMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
  return { started: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95) };
}
