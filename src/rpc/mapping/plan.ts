import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  PlanActionName,
  SummaryChange,
  SummaryResource,
  SummaryValueChange,
} from "../../control/documents/plan-summary.ts";
import type { RunPlan } from "../../control/runs/plan.ts";
import {
  type AttributeChangeSchema,
  PlanAction,
  type PlanSummary,
  type PlanSummarySchema,
  type ResourceChangeSchema,
} from "../../gen/windlass/v1/run_pb.ts";
import { toChangeCounts } from "./run.ts";

const actions: Record<PlanActionName, PlanAction> = {
  "no-op": PlanAction.NO_OP,
  create: PlanAction.CREATE,
  read: PlanAction.READ,
  update: PlanAction.UPDATE,
  delete: PlanAction.DESTROY,
  "delete-then-create": PlanAction.REPLACE,
  "create-then-delete": PlanAction.REPLACE_CREATE_FIRST,
  forget: PlanAction.FORGET,
  "forget-then-create": PlanAction.FORGET_THEN_CREATE,
  "create-then-forget": PlanAction.CREATE_THEN_FORGET,
  other: PlanAction.UNSPECIFIED,
};

/** One change as a whole summary: a page is made of many. */
export function toPlanOfChange(change: SummaryChange): MessageInitShape<typeof PlanSummarySchema> {
  switch (change.kind) {
    case "change":
      return { resourceChanges: [toResourceChange(change.resource)] };
    case "drift":
      return { resourceDrift: [toResourceChange(change.resource)] };
    case "output": {
      const { name, action, change: values } = change.output;
      return { outputChanges: [{ name, action: actions[action], change: toAttributeChange(values) }] };
    }
  }
}

/** What a plan would change, for its readers: what stands on every page, and the changes of one. */
export const toPlan = (
  plan: Omit<RunPlan, "changes">,
  parts: readonly PlanSummary[],
): MessageInitShape<typeof PlanSummarySchema> => ({
  engineVersion: plan.engineVersion,
  counts: toChangeCounts(plan.counts),
  resourceChanges: parts.flatMap(({ resourceChanges }) => resourceChanges),
  resourceDrift: parts.flatMap(({ resourceDrift }) => resourceDrift),
  outputChanges: parts.flatMap(({ outputChanges }) => outputChanges),
  incomplete: !plan.isComplete,
});

const toResourceChange = (resource: SummaryResource): MessageInitShape<typeof ResourceChangeSchema> => ({
  address: resource.address,
  module: resource.module,
  resourceType: resource.type,
  name: resource.name,
  provider: resource.provider,
  action: actions[resource.action],
  actionReason: resource.reason,
  previousAddress: resource.previousAddress,
  importId: resource.importId,
  attributes: resource.attributes.map(toAttributeChange),
  attributesLeftOut: resource.attributesLeftOut,
});

const toAttributeChange = (change: SummaryValueChange): MessageInitShape<typeof AttributeChangeSchema> => ({
  path: change.path,
  beforeJson: change.beforeJson,
  afterJson: change.afterJson,
  unknown: change.isUnknown,
  sensitive: change.isSensitive,
  forcesReplacement: change.forcesReplacement,
  tooLong: change.isTooLong,
});
