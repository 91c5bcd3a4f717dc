import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { memoryLog } from "../../lib/program/log.ts";
import { ConnectionNotes } from "./connection-notes.ts";

let clock: ManualClock;
let log: ReturnType<typeof memoryLog>;
let notes: ConnectionNotes;
beforeEach(() => {
  clock = new ManualClock();
  log = memoryLog("info");
  notes = new ConnectionNotes({ clock, log: log.log, isServerAgent: false });
});

const reasons = () => log.records.map(({ reason }) => reason);

/** Tries every 5 s. */
async function fail(reason: string, forMs: number): Promise<void> {
  for (let passed = 0; passed < forMs; passed += 5_000) {
    notes.ended({ kind: "unavailable", reason }, { failures: 1 });
    await clock.advance(5_000);
  }
}

test("a problem is told once, and again after growing pauses", async () => {
  await fail("a 403", 55_000);
  expect(reasons()).toEqual(["a 403"]);
  await fail("a 403", 3_600_000);
  expect(reasons().length).toBeGreaterThan(3);
  expect(reasons().length).toBeLessThan(9);
});

test("another problem is told when it comes, but two that take turns not with each try", async () => {
  await fail("a 403", 20_000);
  await fail("a 502", 20_000);
  expect(reasons()).toEqual(["a 403", "a 502"]);
  for (let turn = 0; turn < 12; turn++) await fail(turn % 2 === 0 ? "a 403" : "a 502", 5_000);
  expect(reasons().length).toBeLessThan(10);
});

test("a stream that follows another, and a server that sends agents away, are no problems", () => {
  notes.ended({ kind: "changed" }, { failures: 0 });
  notes.ended({ kind: "told_to_reconnect", afterMs: 0, maxDelayMs: 0 }, { failures: 0 });
  expect(reasons()).toEqual([]);
});

test("what was over is told anew when it comes back", async () => {
  await fail("a 403", 20_000);
  notes.connected();
  await fail("a 403", 5_000);
  expect(reasons()).toEqual(["a 403", "a 403"]);
});
