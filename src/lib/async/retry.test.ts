import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { retry } from "./retry.ts";

const failing = (times: number) => {
  let calls = 0;
  return async (failures: number) => {
    calls += 1;
    if (calls <= times) throw new Error(`failure ${calls}`);
    return `call ${calls} after ${failures} failures`;
  };
};

test("attempts are made until one succeeds, each after the wait that its error asks for", async () => {
  const clock = new ManualClock();
  const waits: string[] = [];
  const waitMs = (error: unknown, failures: number) => {
    waits.push(`${error} (${failures})`);
    return 1_000;
  };
  const answer = retry({ clock, waitMs }, failing(2));
  await clock.advance(1_999);
  expect(waits).toEqual(["Error: failure 1 (0)", "Error: failure 2 (1)"]);
  await clock.advance(1);
  expect(await answer).toBe("call 3 after 2 failures");
});

test("what another attempt would not mend is thrown at once", async () => {
  const waitMs = (error: unknown) => {
    throw error;
  };
  await expect(retry({ clock: new ManualClock(), waitMs }, failing(1))).rejects.toThrow("failure 1");
});

test("the signal ends the wait with its reason", async () => {
  const clock = new ManualClock();
  const stopping = new AbortController();
  const answer = retry({ clock, waitMs: () => 1_000 }, failing(9), stopping.signal);
  await clock.advance(0);
  stopping.abort(new Error("the agent stops"));
  await expect(answer).rejects.toThrow("the agent stops");
});
