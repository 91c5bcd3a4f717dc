import { expect, test } from "vitest";
import { appliedWords, type CountedChanges, plannedWords, shortWords } from "./change-words.ts";

const counts = (change: Partial<CountedChanges> = {}): CountedChanges => ({
  ...{ add: 1, change: 0, destroy: 3, import: 0 },
  ...change,
});
const none = { add: 0, change: 0, destroy: 0, import: 0 };

test.each<readonly [Partial<CountedChanges>, string, string, string]>([
  [{}, "1 to add, 0 to change, 3 to destroy", "1 added, 0 changed, 3 destroyed", "+1 ~0 -3"],
  [
    { import: 2, forget: 1, drift: 4 },
    "2 to import, 1 to add, 0 to change, 3 to destroy, 1 to forget, 4 changed outside of terraform",
    "2 imported, 1 added, 0 changed, 3 destroyed, 1 forgotten",
    "+1 ~0 -3 .1 (2 import, 4 outside)",
  ],
  [
    { move: 2 },
    "1 to add, 0 to change, 3 to destroy, 2 to move",
    "1 added, 0 changed, 3 destroyed, 2 moved",
    "+1 ~0 -3 (2 move)",
  ],
])("what is counted beside %j is told only where there is any", (change, planned, applied, short) => {
  const run = { isRefreshOnly: false };
  expect(plannedWords(counts(change), run)).toBe(planned);
  expect(appliedWords(counts(change), run)).toBe(applied);
  expect(shortWords(counts(change), run)).toBe(short);
});

test("a refresh-only run tells what changed outside of terraform, and no zeros", () => {
  const run = { isRefreshOnly: true };
  expect(plannedWords({ ...none, drift: 3 }, run)).toBe("3 changed outside of terraform");
  expect(appliedWords({ ...none, drift: 3 }, run)).toBe("3 changed outside of terraform, accepted");
  expect(shortWords({ ...none, drift: 3 }, run)).toBe("3 changed outside of terraform");
  expect(plannedWords({ ...none, drift: 3 }, { ...run, engine: "tofu" })).toBe("3 changed outside of OpenTofu");
  expect(plannedWords(none, run)).toBe("recorded values to update");
  expect(plannedWords(none, { ...run, hasChanges: false })).toBe("no changes");
  expect(shortWords(none, { ...run, hasChanges: false })).toBe("no changes");
  expect(appliedWords(none, run)).toBe("recorded values updated");
});
