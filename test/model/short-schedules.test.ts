import { expect, test } from "vitest";
import { readEnvironment } from "../../src/lib/environment.ts";
import { play, verdict } from "./play.ts";

const { WINDLASS_SCHEDULES: wanted = "600", WINDLASS_SCHEDULES_SEED: seed = "2" } = readEnvironment();
const count = Number(wanted);

// Beside the long ones, so that both processors work.
test(`${count} schedules of up to 10 events keep every promise`, { timeout: 60_000 + count * 3_000 }, async () => {
  expect(verdict(await play({ count, maxSteps: 10, seed: Number(seed) }))).toBe("");
});
