import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { SharedTimeout } from "./shared-timeout.ts";

function waiting() {
  const clock = new ManualClock();
  const over = new AbortController();
  const late: string[] = [];
  const timeout = new SharedTimeout(clock, 30_000, over.signal);
  const begin = (name: string) => {
    const tell = () => void late.push(name);
    timeout.begin(tell);
    return tell;
  };
  return { clock, over, late, timeout, begin };
}

test("each is told once, when its own time is over", async () => {
  const { clock, late, begin } = waiting();
  begin("first");
  await clock.advance(20_000);
  begin("second");
  await clock.advance(9_999);
  expect(late).toEqual([]);
  await clock.advance(1);
  expect(late).toEqual(["first"]);
  await clock.advance(20_000);
  expect(late).toEqual(["first", "second"]);
  await clock.advance(60_000);
  expect(late).toEqual(["first", "second"]);
});

test("what ended in time is not told, and nobody sleeps once nothing is left", async () => {
  const { clock, late, timeout, begin } = waiting();
  timeout.end(begin("done"));
  await clock.advance(30_000);
  expect([late, clock.sleeping]).toEqual([[], 0]);
  begin("late");
  await clock.advance(30_000);
  expect(late).toEqual(["late"]);
});

test("with the end of the port nobody waits on", async () => {
  const { clock, over, late, begin } = waiting();
  begin("one");
  over.abort();
  await clock.advance(30_000);
  expect([late, clock.sleeping]).toEqual([[], 0]);
});
