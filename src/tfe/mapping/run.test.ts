import { expect, test } from "vitest";
import { at, run } from "../../../test/support/store/rows.ts";
import type { ToldRun } from "../../control/runs/told-runs.ts";
import type { Person } from "../../domain/people/principal.ts";
import { toRunResource } from "./run.ts";

const person = (role: Person["role"]) => ({ kind: "api_key", role }) as Person;

/** As much of it as its permissions need. */
const told = (deniedBy: string | null) =>
  ({
    view: { run: run({ id: "run_1", status: "planned", deniedBy }), plan: null, apply: null, isConfirmable: true },
    marks: [],
  }) as unknown as ToldRun;

test.each([
  { deniedBy: null, may: ["operator", "owner"] },
  { deniedBy: "post-plan.d/cost", may: ["owner"] },
])("a plan that was denied by $deniedBy may be applied by $may", ({ deniedBy, may }) => {
  const roles = (["planner", "operator", "owner"] as const).filter((role) => {
    const { permissions } = toRunResource(told(deniedBy), person(role), at(9)).attributes ?? {};
    return (permissions as Record<string, boolean>)["can-apply"];
  });
  expect(roles).toEqual(may);
});
