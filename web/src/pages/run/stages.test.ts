import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { JobStatus, RunSchema, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { stagesOf } from "./stages.ts";

const at = (seconds: number) => timestampFromMs(seconds * 1000);
const shown = (run: MessageInitShape<typeof RunSchema>) =>
  stagesOf(create(RunSchema, { createTime: at(1), ...run })).map(({ name, status }) => `${name}: ${status}`);

const planned = { status: JobStatus.FINISHED, startTime: at(2), endTime: at(3) };

test("a run that waits for its turn", () => {
  expect(shown({ state: RunState.PENDING })).toEqual([
    "Queued: now",
    "Plan: ahead",
    "Confirm: ahead",
    "Apply queue: ahead",
    "Apply: ahead",
  ]);
});

test("a run that waits for somebody", () => {
  expect(shown({ state: RunState.PLANNED, plan: planned })).toEqual([
    "Queued: done",
    "Plan: done",
    "Confirm: now",
    "Apply queue: ahead",
    "Apply: ahead",
  ]);
});

test("a run that was applied", () => {
  const apply = { status: JobStatus.FINISHED, queueTime: at(5), startTime: at(6), endTime: at(7) };
  const run = { state: RunState.APPLIED, plan: planned, apply, decideTime: at(5), endTime: at(7) };
  expect(shown(run).every((stage) => stage.endsWith("done"))).toBe(true);
});

test("a plan that failed, one that found nothing, and one that was discarded", () => {
  const failed = { status: JobStatus.ERRORED, startTime: at(2), endTime: at(3) };
  expect(shown({ state: RunState.ERRORED, plan: failed, endTime: at(3) })).toEqual([
    "Queued: done",
    "Plan: failed",
    "Confirm: skipped",
    "Apply queue: skipped",
    "Apply: skipped",
  ]);
  expect(shown({ state: RunState.PLANNED_AND_FINISHED, plan: planned, endTime: at(3) })[2]).toBe("Confirm: skipped");
  const discarded = { state: RunState.DISCARDED, plan: planned, decideTime: at(4), endTime: at(4) };
  expect(shown(discarded)[2]).toBe("Confirm: failed");
});

test("a run that only plans has no more stages", () => {
  expect(shown({ state: RunState.PLANNING, options: { planOnly: true }, plan: { startTime: at(2) } })).toEqual([
    "Queued: done",
    "Plan: now",
  ]);
});
