import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PlanActionName, PlannedResource, RunPlan } from "../../control/run-plan.ts";
import type { AttributeChange } from "../../domain/plan-attributes.ts";
import {
  type AttributeChangeSchema,
  PlanAction,
  type PlanSummarySchema,
  type ResourceChangeSchema,
} from "../../gen/windlass/v1/run_pb.ts";

const actions: Record<PlanActionName, PlanAction> = {
  "no-op": PlanAction.NO_OP,
  create: PlanAction.CREATE,
  read: PlanAction.READ,
  update: PlanAction.UPDATE,
  delete: PlanAction.DESTROY,
  "delete-then-create": PlanAction.REPLACE,
  "create-then-delete": PlanAction.REPLACE_CREATE_FIRST,
  forget: PlanAction.FORGET,
  other: PlanAction.UNSPECIFIED,
};

/** What a plan would change, for its readers. */
export const planMessage = (plan: RunPlan): MessageInitShape<typeof PlanSummarySchema> => ({
  engineVersion: plan.engineVersion,
  counts: { ...plan.counts },
  resourceChanges: plan.resources.map(resourceMessage),
  resourceDrift: plan.drift.map(resourceMessage),
  outputChanges: plan.outputs.map(({ name, action, change }) => ({
    name,
    action: actions[action],
    change: attributeMessage(change),
  })),
  incomplete: !plan.isComplete,
});

const resourceMessage = (resource: PlannedResource): MessageInitShape<typeof ResourceChangeSchema> => ({
  address: resource.address,
  module: resource.module,
  type: resource.type,
  name: resource.name,
  provider: resource.provider,
  action: actions[resource.action],
  actionReason: resource.reason,
  previousAddress: resource.previousAddress,
  importId: resource.importId,
  attributes: resource.attributes.map(attributeMessage),
});

const attributeMessage = (change: AttributeChange): MessageInitShape<typeof AttributeChangeSchema> => ({
  path: change.path,
  beforeJson: change.beforeJson,
  afterJson: change.afterJson,
  unknown: change.isUnknown,
  sensitive: change.isSensitive,
  forcesReplacement: change.forcesReplacement,
});
