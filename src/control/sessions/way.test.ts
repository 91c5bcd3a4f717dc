import { expect, test } from "vitest";
import { fakeConnectedAgent } from "../../../test/support/control.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { WakeUps } from "../../lib/async/wake-ups.ts";
import { Presence } from "../core/presence.ts";
import { SessionWay } from "./way.ts";

const clock = new ManualClock();
const one = { agentId: "agent_1", name: "vm-1", poolId: "apool_1" } as const;

/** A connected agent, whose stream ends after a heartbeat. */
function ending(nextStream: boolean) {
  const presence = new Presence();
  const { connected } = fakeConnectedAgent(one);
  presence.enter(connected);
  const way = new SessionWay("");
  way.hear({ wayProblem: "", nextStream });
  way.end();
  return { presence, connected, way, leaving: way.leave({ presence, clock, wake: new WakeUps(clock) }, connected) };
}

test("an agent whose stream ends leaves at once", async () => {
  const { presence, leaving } = ending(false);
  await leaving;
  expect(presence.all()).toEqual([]);
});

test("one that opens its next stream stays connected until then, and its new stream stays", async () => {
  const { presence, connected, leaving } = ending(true);
  expect(presence.all()).toEqual([connected]);
  const next = fakeConnectedAgent(one).connected;
  presence.enter(next);
  await clock.advance(2_000);
  await leaving;
  expect(presence.all()).toEqual([next]);
});

test("one that said so and does not come leaves soon", async () => {
  const { presence, leaving } = ending(true);
  await clock.advance(2_000);
  await leaving;
  expect(presence.all()).toEqual([]);
});

test("a problem on the way is news once, and clean", () => {
  const way = new SessionWay("");
  expect(way.hear({ wayProblem: "a\u001b[31m\nproxy", nextStream: false })).toBe(true);
  expect(way.hear({ wayProblem: "a\u001b[31m\nproxy", nextStream: false })).toBe(false);
  expect(way.problem).toMatch(/^\P{Cc}+$/u);
  expect(way.hear({ wayProblem: "", nextStream: false })).toBe(true);
});
