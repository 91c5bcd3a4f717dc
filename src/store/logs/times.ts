import { type LogTimes, maxReadTimes, timeEveryMs } from "../ports/logs.ts";

/** A time as it is stored: of the bytes of a stream from `start` on. */
export interface StoredTime {
  readonly start: number;
  readonly atMs: number;
}

/** Whether an append is told apart from the one whose time was remembered last, also after the clock was set back. */
export const isNewTime = (lastMs: number | undefined, atMs: number): boolean =>
  lastMs === undefined || Math.abs(atMs - lastMs) >= timeEveryMs;

/** What was found for a range that ends at `to`: at most `maxReadTimes` are given, and one more was asked for. */
export function boundedTimes(found: readonly StoredTime[], to: number): LogTimes {
  const times = found.slice(0, maxReadTimes).map(({ start, atMs }) => ({ offset: start, at: new Date(atMs) }));
  return { times, upTo: found[maxReadTimes]?.start ?? to };
}
