import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beginsOfMinutes, historyOf, type JobTimes, minuteMs } from "./pool-history.ts";

const start = new Date("2026-03-01T10:00:00Z");
const at = (minutes: number) => new Date(start.getTime() + minutes * minuteMs);
const job = (queued: number, started: number | null, ended: number | null): JobTimes => ({
  queuedAt: at(queued),
  startedAt: started === null ? null : at(started),
  endedAt: ended === null ? null : at(ended),
});
const begins = [at(0), at(1), at(2), at(3)];
const shown = (jobs: readonly JobTimes[]) =>
  historyOf(jobs, begins).minutes.map(({ queued, running, started }) => `${queued} ${running} ${started}`);

describe("how a pool was used", () => {
  test("the most jobs that waited and ran at once, and how many were started, by minute", () => {
    const jobs = [job(0.1, 1.5, 2.5), job(0.2, 2.5, null), job(1.1, null, 1.2), job(2.9, null, null)];
    expect(shown(jobs)).toEqual(["2 0 0", "3 1 1", "1 1 1", "1 1 0"]);
  });

  test("one that waits or runs since before counts in each minute, also without an event in it", () => {
    expect(shown([job(-90, null, null), job(-90, -80, null)])).toEqual(["1 1 0", "1 1 0", "1 1 0", "1 1 0"]);
  });

  test("one that ends when the next begins is not beside it", () => {
    expect(shown([job(-1, 0, 1), job(-1, 1, 2)])).toEqual(["1 1 1", "0 1 1", "0 0 0", "0 0 0"]);
  });

  test("waits are told by the nearest rank, of each minute and of all", () => {
    const waited = (minutes: number, started: number) => job(started - minutes, started, started + 0.1);
    const jobs = [...Array.from({ length: 19 }, (_, n) => waited((n + 1) / 10, 1.5)), waited(9, 2.5)];
    const { minutes, ...all } = historyOf(jobs, begins);
    const seconds = (ms: number | null) => (ms === null ? null : Math.round(ms / 1000));
    expect(minutes.map(({ p50Ms, p95Ms }) => [seconds(p50Ms), seconds(p95Ms)])).toEqual([
      [null, null],
      [60, 114],
      [540, 540],
      [null, null],
    ]);
    expect([all.started, seconds(all.p50Ms), seconds(all.p95Ms)]).toEqual([20, 60, 114]);
  });

  test("a peak is never below what a look at any moment of the minute finds", () => {
    const times = fc.record({
      queued: fc.double({ min: -2, max: 3, noNaN: true }),
      wait: fc.double({ min: 0, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(times, { maxLength: 20 }), fc.double({ min: 0, max: 3.9, noNaN: true }), (list, look) => {
        const jobs = list.map(({ queued, wait }) => job(queued, queued + wait, null));
        const moment = at(look);
        const waits = jobs.filter(({ queuedAt, startedAt }) => queuedAt <= moment && (startedAt ?? moment) > moment);
        const minute = historyOf(jobs, begins).minutes[Math.floor(look)];
        expect(minute?.queued).toBeGreaterThanOrEqual(waits.length);
      }),
    );
  });

  test("the minutes are 60, or those of which everything is known", () => {
    const all = beginsOfMinutes(at(90.4), null);
    expect([all.length, all[0], all.at(-1)]).toEqual([60, at(31), at(90)]);
    expect(beginsOfMinutes(at(90.4), at(88.2))).toEqual([at(89), at(90)]);
  });
});
