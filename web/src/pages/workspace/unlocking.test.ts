import { expect, test } from "vitest";
import { RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { unlockingOf } from "./unlocking.ts";

const person = { holder: "ana (key_1)", runId: "", runState: RunState.UNSPECIFIED };
const run = (runState: RunState) => ({ holder: "run_1", runId: "run_1", runState });

test.each([
  ["its holder releases a lock", person, "key_1", "own"],
  ["anybody else needs force", person, "key_2", "force"],
  ["one whose id only ends alike needs force", person, "1", "force"],
  ["who is not known yet needs force", person, undefined, "force"],
  ["a run under way keeps its lock", run(RunState.APPLYING), "key_1", "under-way"],
  ["what an ended run left behind can be released", run(RunState.ERRORED), "key_1", "left-behind"],
] as const)("%s", (_, lock, caller, expected) => {
  expect(unlockingOf(lock, caller)).toBe(expected);
});
