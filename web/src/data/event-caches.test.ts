import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { EventSchema } from "../../../src/gen/windlass/v1/event_service_pb.ts";
import { RunSchema, RunState } from "../../../src/gen/windlass/v1/run_pb.ts";
import { ListRunsResponseSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { methodOf, staleMethods, withoutRow, withRow } from "./event-caches.ts";

const run = (id: string, state: RunState) => create(RunSchema, { id, state });
const list = create(ListRunsResponseSchema, {
  runs: [run("run_1", RunState.PLANNING), run("run_2", RunState.PENDING)],
  nextPageToken: "next",
});

test("a changed row replaces the row in its place, and the rest stays", () => {
  const changed = run("run_1", RunState.PLANNED);
  const now = withRow(list, changed);
  expect(now.runs).toEqual([changed, list.runs[1]]);
  expect(now.nextPageToken).toBe("next");
});

test("a row that a list does not have leaves it as it is", () => {
  expect(withRow(list, run("run_3", RunState.PLANNED))).toBe(list);
  expect(withRow(undefined, run("run_3", RunState.PLANNED))).toBeUndefined();
});

test("what is gone leaves its list; of another type with the same id nothing goes", () => {
  expect(withoutRow(list, { resourceType: "windlass.v1.Run", id: "run_2" }).runs.map(({ id }) => id)).toEqual([
    "run_1",
  ]);
  expect(withoutRow(list, { resourceType: "windlass.v1.Agent", id: "run_2" })).toBe(list);
});

test("events tell which answers are stale", () => {
  const event = create(EventSchema, { subject: { case: "run", value: run("run_1", RunState.PLANNED) } });
  const gone = create(EventSchema, {
    subject: { case: "gone", value: { resourceType: "windlass.v1.AgentToken", id: "atok_1" } },
  });
  expect(staleMethods([event])).toContain("GetRun");
  expect([...staleMethods([gone])]).toEqual(["ListAgentTokens", "GetAgentPoolOverview", "GetAttention", "GetStats"]);
  expect(staleMethods([create(EventSchema)]).size).toBe(0);
});

test("keys of others have no method", () => {
  expect(methodOf(["connect-query", { methodName: "GetRun" }])).toBe("GetRun");
  expect(methodOf(["other", { methodName: "GetRun" }])).toBe("");
});
