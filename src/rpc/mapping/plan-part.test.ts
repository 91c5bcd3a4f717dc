import { create, fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { unknownValue, unsetFields } from "../../../test/support/mapping.ts";
import {
  PlannedAction,
  PlannedActionSchema,
  type PlannedValueSchema,
  PlanSummarySchema,
} from "../../gen/windlass/agent/v1/plan_pb.ts";
import { fromPlanPart } from "./plan-part.ts";

type Value = MessageInitShape<typeof PlannedValueSchema>;

const value: Value = { path: "tags.a", beforeJson: '"1"', afterJson: "2", unknown: true, forcesReplacement: true };
const summary = create(PlanSummarySchema, {
  resourceChanges: [
    {
      ...{ address: "module.a.aws_vpc.b", previousAddress: "aws_vpc.b", module: "module.a", resourceType: "aws_vpc" },
      ...{ name: "b", provider: "hashicorp/aws", action: PlannedAction.UPDATE, actionReason: "tainted" },
      ...{ importId: "vpc-1", attributes: [value, { sensitive: true }] },
    },
  ],
  resourceDrift: [{ address: "aws_vpc.c", action: PlannedAction.DESTROY }],
  outputChanges: [{ name: "url", action: PlannedAction.CREATE, change: { afterJson: "{}" } }],
  incomplete: true,
});
/** As JSON keeps it: without what is undefined. */
const kept = (part: typeof summary, hasRoom = true): unknown => JSON.parse(JSON.stringify(fromPlanPart(part, hasRoom)));
const withValue = (change: Value) => create(PlanSummarySchema, { outputChanges: [{ name: "url", change }] });

test("a part is kept whole, without what is empty", () => {
  expect(unsetFields(PlanSummarySchema, summary)).toEqual([
    // What has a use only of resources, and below.
    ...["resource_drift.previous_address", "resource_drift.module", "resource_drift.resource_type"],
    ...["resource_drift.name", "resource_drift.provider", "resource_drift.action_reason"],
    ...["resource_drift.import_id", "resource_drift.attributes", "output_changes.change.path"],
    ...["output_changes.change.before_json", "output_changes.change.unknown", "output_changes.change.sensitive"],
    ...["output_changes.change.forces_replacement"],
  ]);
  expect(kept(summary)).toEqual({
    isComplete: false,
    resources: [
      {
        ...{ address: "module.a.aws_vpc.b", previousAddress: "aws_vpc.b", module: "module.a", type: "aws_vpc" },
        ...{ name: "b", provider: "hashicorp/aws", action: "update", reason: "tainted", importing: "vpc-1" },
        attributes: [
          { path: "tags.a", beforeJson: '"1"', afterJson: "2", isUnknown: true, forcesReplacement: true },
          { isSensitive: true },
        ],
      },
    ],
    drift: [{ address: "aws_vpc.c", action: "delete", attributes: [] }],
    outputs: [{ name: "url", action: "create", change: { afterJson: "{}" } }],
  });
  expect(kept(create(PlanSummarySchema))).toEqual({});
});

test("where a summary has no more room, attributes are dropped, and are looked at all the same", () => {
  expect(kept(summary, false)).toMatchObject({ resources: [{ address: "module.a.aws_vpc.b", attributes: [] }] });
  const damaged = create(PlanSummarySchema, { resourceChanges: [{ address: "a", attributes: [{ afterJson: "{" }] }] });
  expect(() => fromPlanPart(damaged, false)).toThrow("summary.resource_changes[0].attributes[0].after_json");
});

const actions: Readonly<Record<keyof typeof PlannedAction, string>> = {
  UNSPECIFIED: "other",
  NO_OP: "no-op",
  CREATE: "create",
  READ: "read",
  UPDATE: "update",
  DESTROY: "delete",
  REPLACE: "delete-then-create",
  REPLACE_CREATE_FIRST: "create-then-delete",
  FORGET: "forget",
  FORGET_THEN_CREATE: "forget-then-create",
  CREATE_THEN_FORGET: "create-then-forget",
};

test.each(PlannedActionSchema.values)("the action $localName is kept in terraform's words", ({ localName, number }) => {
  const part = fromJson(PlanSummarySchema, { outputChanges: [{ name: "url", action: number }] });
  expect(Object.entries(actions)).toContainEqual([localName, fromPlanPart(part, true).outputs?.[0]?.action]);
});

test("an action that only a newer agent knows is another one", () => {
  const part = fromJson(PlanSummarySchema, { outputChanges: [{ name: "url", action: unknownValue }] });
  expect(fromPlanPart(part, true).outputs?.[0]?.action).toBe("other");
});

test.each([
  ["a number of any size", { beforeJson: "123456789012345678901234567890", afterJson: "1e400" }],
  ["a sensitive value without a word of it", { sensitive: true }],
  ["a value that is written and never read", { sensitive: true, afterJson: '"(write-only attribute)"' }],
])("%s is kept as it came", (_, change) => {
  const { sensitive: isSensitive, ...texts } = { sensitive: undefined, ...change };
  expect(kept(withValue(change))).toEqual({
    outputs: [{ name: "url", action: "other", change: { ...texts, ...(isSensitive ? { isSensitive } : {}) } }],
  });
});

const besideSecret = "is sensitive, and its value stands beside it: leave it out";

test.each([
  ["the value of a secret before", { sensitive: true, beforeJson: '"hunter2"' }, ".change", besideSecret],
  ["the value of a secret after", { sensitive: true, afterJson: '"hunter2"' }, ".change", besideSecret],
  [
    ...([
      "what only stands for a secret, before",
      { sensitive: true, beforeJson: '"(write-only attribute)"' },
    ] as const),
    ...([".change", besideSecret] as const),
  ],
  ["no JSON before", { beforeJson: "hunter2" }, ".change.before_json", "expected JSON text, and it is none"],
  ["no JSON after", { afterJson: '{"a":' }, ".change.after_json", "expected JSON text, and it is none"],
])("%s is refused, by its field and without the value", (_, change, place, why) => {
  const field = `summary.output_changes[0]${place}`;
  const refusal = { code: "validation", fields: [{ field, description: expect.stringContaining(why) }] };
  expect(() => fromPlanPart(withValue(change), true)).toThrow(expect.objectContaining(refusal));
  expect(() => fromPlanPart(withValue(change), true)).not.toThrow(/hunter2/);
});
