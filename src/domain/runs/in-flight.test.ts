import { expect, test } from "vitest";
import { inFlightOf, noteOf, warningsFor } from "./in-flight.ts";
import type { KeptInFlight, ResourceInFlight } from "./resource-in-flight.ts";
import type { Run, RunStatus } from "./run.ts";

const options = { isDestroy: false, isRefreshOnly: false, skipsRefresh: false, targets: [] as readonly string[] };
const ended = (
  status: RunStatus,
  minute: number,
  {
    kept = [],
    ...change
  }: { kept?: readonly KeptInFlight[]; options?: Partial<typeof options>; hasChanges?: boolean } = {},
) =>
  ({
    ...{ id: `run_${minute}`, status, endedAt: new Date(minute * 60_000), hasChanges: change.hasChanges ?? true },
    options: { ...options, ...change.options },
    resourcesInFlight: kept,
  }) as unknown as Run;

const resource = (address: string, action: string, id = "") => ({ address, action, idKey: id === "" ? "" : "id", id });
const forced = ended("force_canceled", 10, { kept: [resource("postgresql_role.r", "create")] });
const warning =
  "the apply of run_10 was ended by force while postgresql_role.r was being created: it may exist without being in the state";

test("an older row has addresses alone", () => {
  expect(inFlightOf({ resourcesInFlight: ["a.b", resource("c.d", "update", "x")] })).toEqual([
    resource("a.b", ""),
    resource("c.d", "update", "x"),
  ]);
});

test.each<readonly [string, readonly KeptInFlight[], string]>([
  ["create", [resource("a.b", "create")], "a.b was being created: it may exist without being in the state"],
  ["update", [resource("a.b", "update", "i-1")], "a.b [id=i-1] was being changed: it may differ from the state"],
  ["delete", [resource("a.b", "delete")], "a.b was being destroyed: it may be gone and still be in the state"],
  ["an address alone", ["a.b"], "a.b was being worked on: it may differ from the state"],
  [
    "several",
    [resource("a.b", "create"), resource("c.d", "create"), resource("e.f", "delete")],
    "a.b, c.d were being created: they may exist without being in the state; e.f was being destroyed: it may be gone and still be in the state",
  ],
])("what was in flight is told: %s", (_name, kept, told) => {
  expect(warningsFor([ended("errored", 1, { kept })])).toEqual([`the apply of run_1 broke off while ${told}`]);
});

test.each<readonly [string, Run, boolean]>([
  ["an apply of everything", ended("applied", 20), false],
  ["a plan that found nothing to change", ended("planned_and_finished", 20, { hasChanges: false }), false],
  ["a plan that found changes", ended("planned_and_finished", 20), true],
  [
    "a plan that did not look",
    ended("planned_and_finished", 20, { hasChanges: false, options: { skipsRefresh: true } }),
    true,
  ],
  ["an apply of some targets", ended("applied", 20, { options: { targets: ["a.b"] } }), true],
  ["a refresh-only apply", ended("applied", 20, { options: { isRefreshOnly: true } }), true],
  ["a destroy", ended("applied", 20, { options: { isDestroy: true } }), true],
  ["an apply that failed", ended("errored", 20), true],
  ["an apply before it", ended("applied", 5), true],
])("after %s the next run is warned: %#", (_name, later, isWarned) => {
  expect(warningsFor([later, forced])).toEqual(isWarned ? [warning] : []);
});

test.each<readonly [string, ResourceInFlight["inState"], RegExp]>([
  ["create", undefined, /^$/],
  ["create", "absent", /does not have it: it may exist all the same$/],
  ["create", "tainted", /as tainted: the next plan replaces it$/],
  ["create", "present", /as if it were complete, although a provisioner may not have ended: .* does not prove/],
  ["update", "present", /has it: how much of the change was made is not known$/],
  ["update", "absent", /does not have it: it may exist all the same$/],
  ["delete", "present", /still has it: it may be gone$/],
  ["delete", "absent", /does not have it any more$/],
])("a note says how the last state has it: %s, %s", (action, inState, told) => {
  expect(noteOf({ action, inState })).toMatch(told);
});

test("the next run is warned of what the state has as complete, and of nothing that the plan will show", () => {
  const told = (kept: readonly ResourceInFlight[]) => warningsFor([ended("errored", 1, { kept })])[0];
  const of = (address: string, action: string, inState: ResourceInFlight["inState"]) => ({
    ...resource(address, action),
    inState,
  });
  expect(
    told([of("a.b", "create", "present"), of("c.d", "create", "tainted"), of("e.f", "delete", "present")]),
  ).toMatch(
    /; e\.f was being destroyed: .*\. The last state of that apply has a\.b as if nothing were missing, so that a plan may find nothing to change about it$/,
  );
  expect(told([of("c.d", "create", "absent")])).not.toContain("last state");
});

test("warnings are few and short: the newest three runs, ten names each", () => {
  const many = Array.from({ length: 12 }, (_, index) => resource(`t.x[${index}]`, "create"));
  const runs = [1, 2, 3, 4].map((minute) => ended("errored", minute, { kept: many }));
  const warnings = warningsFor(runs);
  expect(warnings.map((text) => text.split(" ")[3])).toEqual(["run_4", "run_3", "run_2"]);
  expect(warnings[0]).toContain("t.x[9] and 2 more were being created");
});
