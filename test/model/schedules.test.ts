import { expect, test } from "vitest";
import { readEnvironment } from "../../src/lib/environment.ts";
import { play, verdict } from "./play.ts";
import { cancelToldTwice, lateState } from "./stories.ts";

const { WINDLASS_SCHEDULES: wanted = "400", WINDLASS_SCHEDULES_SEED: seed = "1" } = readEnvironment();
const count = Number(wanted);

test(`${count} schedules of up to 30 events keep every promise`, { timeout: 60_000 + count * 3_000 }, async () => {
  expect(verdict(await play({ count, maxSteps: 30, seed: Number(seed), stories: [lateState, cancelToldTwice] }))).toBe(
    "",
  );
});
