import type { PlanActionName, StoredOutput, StoredPart, StoredResource } from "../../control/documents/plan-summary.ts";
import {
  PlannedAction,
  type PlannedOutput,
  type PlannedResource,
  type PlannedValue,
  type PlanSummary,
} from "../../gen/windlass/agent/v1/plan_pb.ts";
import { JsonMistake, readJson } from "../../lib/json/json.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** A part of a plan's summary as it is kept. Throws `validation` for what the rules of single fields cannot tell. */
export function fromPlanPart(part: PlanSummary, hasRoomForAttributes: boolean): StoredPart {
  const resources = (found: readonly PlannedResource[], list: string) =>
    found.length === 0
      ? undefined
      : found.map((one, index) => fromResource(one, { at: `${list}[${index}]`, hasRoomForAttributes }));
  return {
    isComplete: part.incomplete ? false : undefined,
    resources: resources(part.resourceChanges, "resource_changes"),
    drift: resources(part.resourceDrift, "resource_drift"),
    outputs: part.outputChanges.length === 0 ? undefined : part.outputChanges.map(fromOutput),
  };
}

interface Keeping {
  /** For messages: `resource_changes[3]`. */
  readonly at: string;
  readonly hasRoomForAttributes: boolean;
}

function fromResource(one: PlannedResource, { at, hasRoomForAttributes }: Keeping): StoredResource {
  const attributes = one.attributes.map((value, index) => fromValue(value, `${at}.attributes[${index}]`));
  return {
    address: one.address,
    previousAddress: one.previousAddress || undefined,
    module: one.module || undefined,
    type: one.resourceType || undefined,
    name: one.name || undefined,
    provider: one.provider || undefined,
    action: fromAction(one.action),
    reason: one.actionReason || undefined,
    importing: one.importId || undefined,
    attributes: hasRoomForAttributes ? attributes : [],
  };
}

const fromOutput = ({ name, action, change }: PlannedOutput, index: number): StoredOutput => ({
  name,
  action: fromAction(action),
  change: change === undefined ? {} : fromValue(change, `output_changes[${index}].change`),
});

/** JSON text that stands for a value which is written and never read. */
const writeOnly = '"(write-only attribute)"';

function fromValue(value: PlannedValue, at: string) {
  const { path, beforeJson, afterJson, unknown, sensitive, forcesReplacement } = value;
  if (sensitive && (beforeJson !== "" || !["", writeOnly].includes(afterJson)))
    throw refused(at, "is sensitive, and its value stands beside it: leave it out");
  demandJson(beforeJson, `${at}.before_json`);
  demandJson(afterJson, `${at}.after_json`);
  return {
    path: path || undefined,
    beforeJson: beforeJson || undefined,
    afterJson: afterJson || undefined,
    isUnknown: unknown || undefined,
    isSensitive: sensitive || undefined,
    forcesReplacement: forcesReplacement || undefined,
  };
}

function demandJson(text: string, at: string): void {
  if (text === "") return;
  try {
    readJson(text);
  } catch (error) {
    if (error instanceof JsonMistake) throw refused(at, `expected JSON text, and it is none: ${error.message}`);
    throw error;
  }
}

const refused = (field: string, description: string): WindlassError =>
  new WindlassError("validation", `summary.${field}: ${description}`, {
    fields: [{ field: `summary.${field}`, description }],
  });

/** What a newer agent says that is not known here is "other". */
const fromAction = (action: PlannedAction): PlanActionName => names[action] ?? "other";

const names: Readonly<Record<number, PlanActionName>> = {
  [PlannedAction.NO_OP]: "no-op",
  [PlannedAction.CREATE]: "create",
  [PlannedAction.READ]: "read",
  [PlannedAction.UPDATE]: "update",
  [PlannedAction.DESTROY]: "delete",
  [PlannedAction.REPLACE]: "delete-then-create",
  [PlannedAction.REPLACE_CREATE_FIRST]: "create-then-delete",
  [PlannedAction.FORGET]: "forget",
  [PlannedAction.FORGET_THEN_CREATE]: "forget-then-create",
  [PlannedAction.CREATE_THEN_FORGET]: "create-then-forget",
};
