import { expect, test } from "vitest";
import { ExecutionMode } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { cliFor, filterRequest } from "./workspace-filter.ts";

const none = { search: "", pool: "", tags: "", mode: "", state: "" };

test("no filter asks for all", () => {
  expect(filterRequest(none)).toEqual({
    search: "",
    agentPool: "",
    tags: [],
    executionModes: [],
    locked: false,
    needsDecision: false,
  });
  expect(cliFor(none)).toBe("windlass workspace list");
});

test("the request and the command line ask for the same", () => {
  const filter = { search: "a b", pool: "prod", tags: "x, y", mode: "local", state: "locked" };
  expect(filterRequest(filter)).toMatchObject({
    tags: ["x", "y"],
    executionModes: [ExecutionMode.LOCAL],
    locked: true,
  });
  expect(cliFor(filter)).toBe("windlass workspace list --pool prod --tag x,y --mode local --locked --search 'a b'");
});

test("what the URL has and nobody knows is no filter", () => {
  expect(filterRequest({ ...none, mode: "moon", state: "odd" })).toEqual(filterRequest(none));
});
