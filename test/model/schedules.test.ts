import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readEnvironment } from "../../src/lib/environment.ts";
import { play, verdict } from "./play.ts";
import type { Schedule } from "./schedule.ts";
import { cancelToldTwice, lateSnapshot, lateState, movedBase, serialStays, stateReturns } from "./stories.ts";

const environment = readEnvironment();
const { WINDLASS_SCHEDULES: wanted = "400", WINDLASS_SCHEDULES_SEED: seed = "1" } = environment;
const count = Number(wanted);

/** One that failed, played again. */
function given({ WINDLASS_SCHEDULE_FILE: file }: typeof environment): readonly Schedule[] {
  return file === undefined ? [] : [JSON.parse(readFileSync(file, "utf8"))];
}

test(`${count} schedules of up to 30 events keep every promise`, { timeout: 60_000 + count * 3_000 }, async () => {
  const stories = [
    ...given(environment),
    lateState,
    cancelToldTwice,
    serialStays,
    lateSnapshot,
    stateReturns,
    movedBase,
  ];
  expect(verdict(await play({ count, maxSteps: 30, seed: Number(seed), stories }))).toBe("");
});
