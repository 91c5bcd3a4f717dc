import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { shown, unsetFields } from "../../../test/support/mapping.ts";
import type {
  PlanActionName,
  SummaryChange,
  SummaryResource,
  SummaryValueChange,
} from "../../control/documents/plan-summary.ts";
import { PlanAction, PlanActionSchema, PlanSummarySchema } from "../../gen/windlass/v1/run_pb.ts";
import { toPlan, toPlanOfChange } from "./plan.ts";

const attribute: SummaryValueChange = {
  ...{ path: "tags.a", beforeJson: '"1"', afterJson: '"2"' },
  ...{ isUnknown: true, isSensitive: true, forcesReplacement: true, isTooLong: true },
};
const plain: SummaryValueChange = {
  ...{ path: "", beforeJson: "", afterJson: "null" },
  ...{ isUnknown: false, isSensitive: false, forcesReplacement: false, isTooLong: false },
};
const resource: SummaryResource = {
  ...{ address: "module.a.aws_vpc.b[0]", previousAddress: "aws_vpc.b", module: "module.a", type: "aws_vpc", name: "b" },
  ...{ provider: "hashicorp/aws", action: "update", reason: "tainted", importId: "vpc-1" },
  ...{ attributes: [attribute, plain], attributesLeftOut: 2 },
};
const shownResource = {
  ...{ address: "module.a.aws_vpc.b[0]", previousAddress: "aws_vpc.b", module: "module.a", resourceType: "aws_vpc" },
  ...{ name: "b", provider: "hashicorp/aws", action: "PLAN_ACTION_UPDATE", actionReason: "tainted", importId: "vpc-1" },
  attributes: [
    {
      ...{ path: "tags.a", beforeJson: '"1"', afterJson: '"2"' },
      ...{ unknown: true, sensitive: true, forcesReplacement: true, tooLong: true },
    },
    { afterJson: "null" },
  ],
  attributesLeftOut: 2,
};

const changes: readonly SummaryChange[] = [
  { kind: "change", resource },
  { kind: "drift", resource },
  { kind: "output", output: { name: "url", action: "create", change: attribute } },
];
const parts = changes.map((change) => create(PlanSummarySchema, toPlanOfChange(change)));
const counts = { add: 1, change: 2, destroy: 3, import: 4, forget: 5, drift: 6, move: 7 };

/** A page of a plan tells `DESTROY` where terraform says delete; what is not known has no value. */
const actions: Readonly<Record<PlanActionName, keyof typeof PlanAction>> = {
  "no-op": "NO_OP",
  create: "CREATE",
  read: "READ",
  update: "UPDATE",
  delete: "DESTROY",
  "delete-then-create": "REPLACE",
  "create-then-delete": "REPLACE_CREATE_FIRST",
  forget: "FORGET",
  "forget-then-create": "FORGET_THEN_CREATE",
  "create-then-forget": "CREATE_THEN_FORGET",
  other: "UNSPECIFIED",
};
const isAction = (name: string): name is PlanActionName => name in actions;

test.each(Object.entries(actions))("the action %s is %s, of resources and of outputs", (name, value) => {
  if (!isAction(name)) throw new Error(name);
  const ofResource = toPlanOfChange({ kind: "change", resource: { ...resource, action: name } });
  const ofOutput = toPlanOfChange({ kind: "output", output: { name: "url", action: name, change: plain } });
  expect(ofResource.resourceChanges?.map(({ action }) => action)).toEqual([PlanAction[value]]);
  expect(ofOutput.outputChanges?.map(({ action }) => action)).toEqual([PlanAction[value]]);
});

test("every action of the API is some action of a plan", () => {
  expect(PlanActionSchema.values.map(({ localName }) => localName).toSorted()).toEqual(
    Object.values(actions).toSorted(),
  );
});

test("each kind of change stands in its own list, and the page in the order of its parts", () => {
  const page = toPlan({ engineVersion: "1.12.6", isComplete: false, counts }, [...parts, ...parts]);
  const output = {
    ...{ name: "url", action: "PLAN_ACTION_CREATE" },
    change: shownResource.attributes[0],
  };
  expect(shown(PlanSummarySchema, page)).toEqual({
    ...{ engineVersion: "1.12.6", incomplete: true },
    counts: { add: 1, change: 2, destroy: 3, imported: 4, forget: 5, drift: 6, moved: 7 },
    resourceChanges: [shownResource, shownResource],
    resourceDrift: [shownResource, shownResource],
    outputChanges: [output, output],
  });
  expect(unsetFields(PlanSummarySchema, page)).toEqual([]);
});

test("a plan without changes is complete and empty, and its program may be unknown", () => {
  const none = { add: 0, change: 0, destroy: 0, import: 0 };
  expect(shown(PlanSummarySchema, toPlan({ engineVersion: "", isComplete: true, counts: none }, []))).toEqual({
    counts: {},
  });
});
