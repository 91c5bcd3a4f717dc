import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { problemOf, violationOf } from "./problem.ts";

test("a refusal is told with its reason, its request id and what to do", () => {
  const error = new ConnectError("the plan is another one", Code.Aborted, { "x-request-id": "r-1" }, [
    { desc: ErrorInfoSchema, value: { reason: "PLAN_CHANGED", domain: "windlass", metadata: { run_id: "run_1" } } },
  ]);
  expect(problemOf(error)).toEqual({
    message: "the plan is another one",
    reason: "PLAN_CHANGED",
    requestId: "r-1",
    advice: "Read the plan that is shown now, then confirm that one.",
    violations: [],
    metadata: { run_id: "run_1" },
  });
});

test("a violation is found by the name of its field, also within the changes of an update", () => {
  const fieldViolations = [{ field: "changes.name", description: "is too long" }];
  const error = new ConnectError("invalid", Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations } },
  ]);
  const problem = problemOf(error);
  expect(violationOf(problem, "name")).toBe("is too long");
  expect(violationOf(problem, "ame")).toBeUndefined();
  expect(violationOf(undefined, "name")).toBeUndefined();
});

test("a call that got no answer is told without the words of the browser, and with an advice", () => {
  const { message, advice } = problemOf(new TypeError("Failed to fetch"));
  expect(message).toBe("The server could not be reached.");
  expect(advice).toContain("look first");
});
