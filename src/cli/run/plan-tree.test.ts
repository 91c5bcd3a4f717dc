import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { PlanAction, PlanSummarySchema, RunOptionsSchema } from "../../gen/windlass/v1/run_pb.ts";
import { written } from "../terminal/painted.ts";
import { planLines } from "./plan-tree.ts";

const shown = (plan: MessageInitShape<typeof PlanSummarySchema>): string =>
  `\n${planLines(create(PlanSummarySchema, plan))
    .map((line) => written(line, false))
    .join("\n")}\n`;

test("a plan shows what it destroys and replaces first, then the rest, and values old and new", () => {
  const plan = shown({
    counts: { add: 3, change: 1, destroy: 2, imported: 1, forget: 1, moved: 1, drift: 1 },
    resourceChanges: [
      { address: "t.new", action: PlanAction.CREATE, attributes: [{ path: "size", afterJson: "3" }] },
      {
        address: "t.changed",
        action: PlanAction.UPDATE,
        attributes: [
          { path: "tags.Name", beforeJson: '"a"', afterJson: '"b"' },
          { path: "password", sensitive: true },
          { path: "password_wo", sensitive: true, afterJson: '"(write-only attribute)"' },
          { path: "gone", beforeJson: "1" },
        ],
      },
      {
        address: "module.net.t.replaced[0]",
        action: PlanAction.REPLACE,
        actionReason: "replace_because_cannot_update",
        attributes: [
          { path: "id", beforeJson: '"x"', unknown: true },
          { path: "cidr", beforeJson: '"1"', afterJson: '"2"', forcesReplacement: true },
        ],
      },
      { address: "t.first", action: PlanAction.REPLACE_CREATE_FIRST, actionReason: "of a newer terraform" },
      {
        address: "t.gone",
        action: PlanAction.DESTROY,
        actionReason: "delete_because_no_resource_config",
        resourceType: "t",
        name: "gone",
      },
      {
        address: "t.kept",
        action: PlanAction.FORGET_THEN_CREATE,
        actionReason: "replace_because_cannot_update",
        attributes: [{ path: "size", beforeJson: "3", afterJson: "4", forcesReplacement: true }],
      },
      { address: "t.moved", action: PlanAction.NO_OP, previousAddress: "t.old" },
      { address: "t.imported", action: PlanAction.UPDATE, importId: "i-1" },
    ],
    resourceDrift: [{ address: "t.drifted", action: PlanAction.UPDATE, attributes: [{ path: "n", afterJson: "1" }] }],
    outputChanges: [{ name: "url", action: PlanAction.CREATE, change: { afterJson: '"http://x"' } }],
    incomplete: true,
  });
  expect(plan).toMatchInlineSnapshot(`
    "
    Changed outside of terraform:
      ~ t.drifted
          n = 1

      - t.gone (because t.gone is not in configuration)
    -/+ module.net.t.replaced[0] (must be replaced)
          id   = "x" -> (known after apply)
          cidr = "1" -> "2"  # forces replacement
    +/- t.first (of a newer terraform)
    ./+ t.kept (must be replaced)
          size = 3 -> 4  # forces replacement
      ~ t.changed
          tags.Name   = "a" -> "b"
          password    = (sensitive)
          password_wo = (write-only attribute)
          gone        = 1 -> null
      ~ t.imported (imported from i-1)
      + t.new
          size = 3
        t.moved (moved from t.old)

    Outputs:
      + url = "http://x"

    This plan is not complete: another one is needed after it.

    Plan: 1 to import, 3 to add, 1 to change, 2 to destroy, 1 to forget, 1 to move, 1 changed outside of terraform
    "
  `);
});

test("a refresh-only plan counts what changed outside of terraform, and no zeros", () => {
  const plan = create(PlanSummarySchema, { counts: { drift: 3 } });
  expect(planLines(plan, { options: create(RunOptionsSchema, { refreshOnly: true }) }).map(String)).toEqual([
    "Plan: 3 changed outside of terraform",
  ]);
});

test("a plan without changes says so", () => {
  expect(shown({})).toBe("\nPlan: no changes\n");
});

test("a name cannot act on the terminal", () => {
  const action = PlanAction.CREATE;
  expect(shown({ resourceChanges: [{ address: 't.a["\u001b[2J"]', action }] })).not.toContain("\u001b");
});
