import { expect, test } from "vitest";
import { fakeConnectedAgent } from "../../../test/support/control.ts";
import type { AgentId, PoolId } from "../../lib/words/ids.ts";
import { type ElsewhereAgent, Presence } from "./presence.ts";

const agent = (agentId: AgentId, poolId: PoolId | null) =>
  fakeConnectedAgent({ agentId, name: agentId, poolId }).connected;

test("the agents of a pool are in the order in which they worked last, and are of it as long as they are connected", () => {
  const presence = new Presence();
  const [a, b, c] = [agent("agent_a", "apool_1"), agent("agent_b", "apool_1"), agent("agent_c", null)];
  for (const one of [a, b, c]) presence.enter(one);
  const inPool = (poolId: PoolId | null) => [...presence.inPool(poolId)];
  expect(inPool("apool_1")).toEqual([a, b]);
  expect(inPool(null)).toEqual([c]);
  presence.noteWork(a);
  expect(inPool("apool_1")).toEqual([b, a]);
  const again = agent("agent_b", "apool_2");
  presence.enter(again);
  presence.noteWork(b);
  expect(presence.leave(b)).toBe(false);
  expect(inPool("apool_1")).toEqual([a]);
  expect(inPool("apool_2")).toEqual([again]);
  presence.leave(a);
  presence.leave(again);
  expect([...presence.pools()]).toEqual([[null, new Set([c])]]);
});

test("a pool has the agents that are connected elsewhere, too, each once", () => {
  const presence = new Presence();
  const [here, there, other] = [agent("agent_a", "apool_1"), agent("agent_b", "apool_1"), agent("agent_c", "apool_2")];
  presence.enter(here);
  const told = [here, there, other].map((present): [AgentId, ElsewhereAgent] => [
    present.agentId,
    { kind: "connected", present, progress: new Map(), declined: new Set() },
  ]);
  presence.seeElsewhere(new Map(told));
  expect(presence.everywhereInPool("apool_1")).toEqual([here, there]);
  expect([...presence.inPool("apool_1")]).toEqual([here]);
});
