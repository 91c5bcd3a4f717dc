import { describe, expect, test } from "vitest";
import { isStateExpendable, type KeptStates, type StateSurroundings, untouchedStates } from "./retention.ts";

const now = new Date("2026-06-01T00:00:00Z");
const ten: KeptStates = { kind: "count", count: 10 };
const aDay: KeptStates = { kind: "age", ms: 86_400_000 };
const old: StateSurroundings = {
  currentStateId: "sv_2",
  isOld: true,
  supersededAt: new Date("2026-05-30T00:00:00Z"),
  isPointedTo: false,
};

describe("a state may go", () => {
  const superseded = { id: "sv_1", status: "superseded" } as const;
  test.each([
    ["superseded long ago", superseded, old, aDay, true],
    ["superseded by many", superseded, { ...old, supersededAt: null }, ten, true],
    ["superseded just now, however old it is", superseded, { ...old, supersededAt: now }, aDay, false],
    ["superseded by nothing", superseded, { ...old, supersededAt: null }, aDay, false],
    ["among the last ones", superseded, { ...old, isOld: false }, aDay, false],
    ["that the workspace has", superseded, { ...old, currentStateId: "sv_1" as const }, aDay, false],
    ["that a kept run points to", superseded, { ...old, isPointedTo: true }, ten, false],
    ["that waits for a decision", { id: "sv_1", status: "quarantined" } as const, old, aDay, false],
    ["that is current", { id: "sv_1", status: "current" } as const, old, ten, false],
  ])("one %s", (_which, state, around, keep, mayGo) => {
    expect(isStateExpendable(state, around, { keep, now })).toBe(mayGo);
  });
});

test("the last three stay, whatever is kept", () => {
  expect([ten, aDay, { kind: "count", count: 0 } as const].map(untouchedStates)).toEqual([10, 3, 3]);
});
