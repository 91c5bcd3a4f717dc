import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RunSchema, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { meanwhileReason, offeredActions } from "./run-actions.ts";

const now = new Date(100_000);
const at = (seconds: number) => ({ seconds: BigInt(seconds) });
const offered = (run: MessageInitShape<typeof RunSchema>) =>
  offeredActions(create(RunSchema, run), now).map(({ action, reason }) =>
    reason === undefined ? action : `${action}: ${reason}`,
  );

test("a plan can be confirmed or discarded", () => {
  expect(offered({ state: RunState.PLANNED, confirmable: true })).toEqual(["confirm", "discard"]);
});

test("a saved plan that is out of date says so", () => {
  expect(offered({ state: RunState.PLANNED })).toEqual(["confirm: The plan is out of date", "discard"]);
});

test("what plans can be canceled, and says why it cannot be confirmed", () => {
  expect(offered({ state: RunState.PLANNING })).toEqual(["confirm: There is no plan yet", "cancel"]);
  expect(offered({ state: RunState.PENDING })).toEqual(["force-execute", "cancel"]);
});

test("force comes after a cancel that has had its time", () => {
  const canceling = { state: RunState.APPLYING, cancelRequestTime: at(90) };
  const asked = "cancel: It was asked to stop already";
  expect(offered({ ...canceling, forceCancelTime: at(130) })).toEqual([
    asked,
    "force-cancel: Terraform still has 30 s to stop by itself",
  ]);
  expect(offered({ ...canceling, forceCancelTime: at(99) })).toEqual([asked, "force-cancel"]);
});

test("what has ended can be repeated, and a lost apply decided about", () => {
  expect(offered({ state: RunState.APPLIED })).toEqual(["retry"]);
  expect(offered({ state: RunState.ERRORED, waiting: {} })).toEqual(["resolve", "retry"]);
});

test("what somebody else has decided meanwhile is told with who and what; a cancel stays possible until the end", () => {
  const told = (action: Parameters<typeof meanwhileReason>[1], run: MessageInitShape<typeof RunSchema>) =>
    meanwhileReason(create(RunSchema, run), action, now);
  const decidedBy = "ana (key_2j6s)";
  expect(told("confirm", { state: RunState.PLANNED, confirmable: true })).toBeUndefined();
  expect(told("confirm", { state: RunState.APPLYING, decidedBy })).toBe(
    "The run is applying by now: ana has confirmed it.",
  );
  expect(told("confirm", { state: RunState.DISCARDED, decidedBy })).toContain("ana has discarded it");
  expect(told("discard", { state: RunState.CANCELED })).toBe("The run is canceled by now.");
  expect(told("cancel", { state: RunState.PLANNED })).toBeUndefined();
  expect(told("cancel", { state: RunState.APPLIED })).toBe("The run is applied by now.");
  expect(told("resolve", { state: RunState.ERRORED, waiting: {} })).toBeUndefined();
  expect(told("resolve", { state: RunState.ERRORED })).toContain("It is decided by now");
});
