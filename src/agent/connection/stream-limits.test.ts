import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { silentLog } from "../../lib/program/log.ts";
import { StreamLimits, type StreamUse } from "./stream-limits.ts";

const mib = 1024 * 1024;
const never = { bytes: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };

let clock: ManualClock;
let limits: StreamLimits;
beforeEach(() => {
  clock = new ManualClock();
  limits = new StreamLimits({ clock, log: silentLog() });
});

/** A stream that carried so much, of which some may not have arrived. */
const use = (sentBytes: number, livedMs = 60_000, underWay = 200_000): StreamUse => ({
  sentBytes,
  arrivedBytes: Math.max(0, sentBytes - underWay),
  livedMs,
});

test("where nothing ends streams, they have no bound", () => {
  expect(limits.budget()).toEqual(never);
  expect(limits.problem).toBe("");
});

test("a stream that was welcomed and hears nothing since says what vanishes, until a heartbeat is answered", () => {
  limits.budget();
  limits.heard();
  expect(limits.silence(3)).toBe("the server left 3 heartbeats unanswered");
  expect(limits.problem).toBe("");
  limits.budget();
  expect(limits.silence(3)).toMatch(
    /^the server welcomed the agent and left 3 heartbeats unanswered: .*packets are too large/,
  );
  expect(limits.problem).toBe(limits.silence(3));
  limits.budget();
  limits.heard();
  expect(limits.problem).toBe("");
});

describe("a bound in bytes", () => {
  test("of nginx's default is known after one stream, and named", () => {
    expect(limits.ended(use(mib + 150_000))).toBe(true);
    expect(limits.problem).toMatch(/after about 1\.0 MiB: nginx calls this client_max_body_size/);
    expect(limits.budget()).toEqual({ ...never, bytes: mib * 0.85 });
  });

  test("of another size is known after two streams, and is what has arrived", () => {
    expect(limits.ended(use(10 * mib, 31_000))).toBe(false);
    expect(limits.budget()).toEqual(never);
    expect(limits.ended(use(10 * mib + 50_000, 90_000))).toBe(true);
    expect(limits.budget().bytes).toBeLessThan(10 * mib * 0.86);
    expect(limits.budget().bytes).toBeGreaterThan(10 * mib * 0.8);
  });

  test("is not seen in streams that end at different sizes", () => {
    for (const [size, lived] of [
      [3, 10_000],
      [30, 500_000],
      [7, 90_000],
    ] as const)
      expect(limits.ended(use(size * mib, lived))).toBe(false);
  });

  test("is lowered by a stream that has not come so far", () => {
    limits.ended(use(10 * mib));
    limits.ended(use(10 * mib));
    const { bytes } = limits.budget();
    expect(limits.ended(use(7 * mib, 200_000))).toBe(true);
    expect(limits.budget().bytes).toBeLessThan(bytes);
  });

  test("leaves room for what is under way when it is reached", () => {
    for (let count = 0; count < 2; count++) limits.ended(use(300 * 1024, 20_000, 10_000));
    expect(limits.budget().bytes).toBeLessThanOrEqual(300 * 1024 - 96 * 1024);
  });
});

describe("a bound in time", () => {
  test("is known after two streams that lived equally long", () => {
    expect(limits.ended(use(2_000, 15_200))).toBe(false);
    expect(limits.ended(use(9_000, 15_000))).toBe(true);
    expect(limits.problem).toMatch(/after about 15 s: a time-out of a proxy/);
    expect(limits.budget()).toEqual({ ...never, ms: 12_750 });
  });

  test("is not seen in streams that broke at once", () => {
    for (let count = 0; count < 5; count++) expect(limits.ended(use(2_000, 800))).toBe(false);
  });
});

describe("after an hour", () => {
  beforeEach(async () => {
    limits.ended(use(mib + 10_000));
    await clock.advance(3_600_000);
  });

  test("a bound is tried, and nobody is warned of what was so long ago", () => {
    expect(limits.problem).toBe("");
    expect(limits.budget()).toEqual(never);
  });

  test("a stream that comes further shows that it is gone", () => {
    limits.budget();
    limits.goesOn({ arrivedBytes: 2 * mib, livedMs: 1 });
    limits.ended(use(5_000, 30_000));
    expect(limits.budget()).toEqual(never);
    expect(limits.problem).toBe("");
  });

  test("a stream that is ended there shows that it is not", () => {
    limits.budget();
    limits.goesOn({ arrivedBytes: mib / 2, livedMs: 1 });
    expect(limits.ended(use(mib + 20_000))).toBe(true);
    expect(limits.budget()).toEqual({ ...never, bytes: mib * 0.85 });
  });
});
