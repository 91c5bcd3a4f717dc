import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

test("where streams are welcomed and hear nothing else, connections are given up and the server is told, until it answers", async () => {
  const { controlPlane } = place;
  controlPlane.knobs.heartbeatMs = 30;
  controlPlane.knobs.isSilent = true;
  place.start();
  await eventually(() => place.hangUps > 1 && controlPlane.hellos.length > 1, "two streams are over");
  expect(controlPlane.hellos[0]?.wayProblem).toBe("");
  expect(controlPlane.hellos[1]?.wayProblem).toMatch(/left 3 heartbeats unanswered: .*packets are too large/);
  controlPlane.knobs.isSilent = false;
  await eventually(() => controlPlane.heartbeats.at(-1)?.wayProblem === "", "it is over");
});
