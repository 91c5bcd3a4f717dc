import { describe, expect, test } from "vitest";
import { decidePush, type StateFacts } from "./state-version.ts";

const state = (serial: number, change: Partial<StateFacts> = {}): StateFacts => ({
  ...{ lineage: "l", serial, sha256: `sha-${serial}` },
  ...change,
});
/** The highest serial that leaves room for later ones. */
const highest = 2 ** 53 - 2 ** 20;

describe("a state that a person pushes", () => {
  test.each([
    ["the first one, whatever its serial", null, state(0), false, "accept"],
    ["a higher serial", state(3), state(4), false, "accept"],
    ["a much higher serial", state(3), state(highest), false, "accept"],
    ["the same again", state(3), state(3), false, "known"],
    ["the same again by force: nothing is made of it", state(3), state(3), true, "known"],
    ["the same bytes told with another serial", state(3), state(9, { sha256: "sha-3" }), true, "known"],
    ["the same serial, other content", state(3), state(3, { sha256: "x" }), false, "old_serial"],
    ["a lower serial", state(3), state(2), false, "old_serial"],
    ["a lower serial by force", state(3), state(2), true, "accept"],
    ["another lineage", state(3), state(4, { lineage: "m" }), false, "other_lineage"],
    ["another lineage and a lower serial", state(3), state(1, { lineage: "m" }), false, "other_lineage"],
    ["another lineage by force", state(3), state(1, { lineage: "m" }), true, "accept"],
    ["a serial that leaves no room for later ones", state(3), state(highest + 1), false, "serial_too_high"],
    ["such a serial as the first one", null, state(highest + 1), false, "serial_too_high"],
    [
      "such a serial by force: nothing could be written after it",
      state(3),
      state(highest + 1),
      true,
      "serial_too_high",
    ],
    ["such a state that is there already", state(highest + 1), state(highest + 1), false, "known"],
  ] as const)("%s", (_which, current, incoming, isForced, kind) => {
    expect(decidePush(current, incoming, isForced)).toEqual({ kind });
  });
});
