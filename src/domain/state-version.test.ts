import { expect, test } from "vitest";
import { decideState } from "./state-version.ts";

const state = (serial: number, sha256 = `sha-${serial}`, lineage = "l") => ({ lineage, serial, sha256 });

test.each([
  ["the first state", null, state(1), true, "accept"],
  ["a higher serial", state(1), state(2), true, "accept"],
  ["the same again", state(2), state(2), true, "known"],
  ["the same again after the run let go", state(2), state(2), false, "known"],
  ["the same serial, other content", state(2), state(2, "other"), true, "quarantine"],
  ["a lower serial", state(2), state(1), true, "quarantine"],
  ["another lineage", state(2), state(9, "x", "other"), true, "quarantine"],
  ["a serial that leaves no room for later ones", state(1), state(2 ** 53 - 1), true, "quarantine"],
  ["from a run that no longer holds the workspace", state(1), state(2), false, "quarantine"],
] as const)("%s", (_name, current, incoming, holds, expected) => {
  expect(decideState(current, incoming, { holdsWorkspace: holds, doubt: undefined }).kind).toBe(expected);
});

test.each([
  ["a higher serial", state(1), state(2), "quarantine"],
  ["the first state", null, state(1), "quarantine"],
  ["the same serial, other content", state(2), state(2, "other"), "quarantine"],
  ["what is stored already", state(2), state(2), "known"],
] as const)("%s of an agent that is not believed, and why", (_name, current, incoming, kind) => {
  const reason = "its token was stolen";
  const decision = decideState(current, incoming, { holdsWorkspace: true, doubt: reason });
  expect(decision).toEqual(kind === "known" ? { kind } : { kind, reason });
});
