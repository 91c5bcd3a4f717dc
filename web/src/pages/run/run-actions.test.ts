import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RunSchema, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { offeredActions } from "./run-actions.ts";

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
