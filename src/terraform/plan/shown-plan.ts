import { isJsonList, isJsonObject, type Json, type JsonObject } from "../../lib/json/json.ts";
import type { RelevantAttribute } from "./drift.ts";
import type { ShownChange } from "./mask.ts";

/** A change of a resource in the document of a plan. */
export interface ShownResource {
  readonly address: string;
  readonly previousAddress: string | undefined;
  readonly module: string | undefined;
  readonly mode: string;
  readonly type: string;
  readonly name: string;
  readonly provider: string;
  readonly reason: string | undefined;
  readonly change: ShownChange;
}

/** What is looked at of the document that `terraform show -json PLAN` prints. */
export interface ShownPlan {
  readonly terraformVersion: string;
  readonly isApplyable: boolean | undefined;
  readonly isComplete: boolean;
  readonly resourceChanges: readonly ShownResource[];
  readonly resourceDrift: readonly ShownResource[];
  readonly relevant: readonly RelevantAttribute[];
  readonly outputChanges: ReadonlyArray<readonly [name: string, change: ShownChange]>;
}

/** Throws `TypeError` for what is no such document. */
export function shownPlan(document: Json): ShownPlan {
  if (!isJsonObject(document)) throw new TypeError("a plan's document is no object");
  return {
    terraformVersion: textAt(document, "terraform_version") ?? "",
    isApplyable: booleanAt(document, "applyable"),
    isComplete: booleanAt(document, "complete") ?? true,
    resourceChanges: objectsAt(document, "resource_changes").map(shownResource),
    resourceDrift: objectsAt(document, "resource_drift").map(shownResource),
    relevant: objectsAt(document, "relevant_attributes").map(relevantAttribute),
    outputChanges: [...objectAt(document, "output_changes")].map(([name, change]) => [name, shownChange(change)]),
  };
}

/** All of its changes. */
export const changesOf = (plan: ShownPlan): readonly ShownChange[] => [
  ...[...plan.resourceChanges, ...plan.resourceDrift].map(({ change }) => change),
  ...plan.outputChanges.map(([, change]) => change),
];

const shownResource = (resource: JsonObject): ShownResource => ({
  address: textAt(resource, "address") ?? "",
  previousAddress: textAt(resource, "previous_address"),
  module: textAt(resource, "module_address"),
  mode: textAt(resource, "mode") ?? "managed",
  type: textAt(resource, "type") ?? "",
  name: textAt(resource, "name") ?? "",
  provider: textAt(resource, "provider_name") ?? "",
  reason: textAt(resource, "action_reason"),
  change: shownChange(resource.get("change")),
});

const relevantAttribute = (one: JsonObject): RelevantAttribute => ({
  resource: textAt(one, "resource") ?? "",
  attribute: listAt(one, "attribute"),
});

const values = ["before", "after", "after_unknown", "before_sensitive", "after_sensitive", "replace_paths"] as const;

function shownChange(change: Json | undefined): ShownChange {
  if (!isJsonObject(change)) return {};
  const importing = change.get("importing");
  return {
    actions: listAt(change, "actions").map(String),
    ...Object.fromEntries(values.flatMap((name) => (change.has(name) ? [[name, change.get(name)]] : []))),
    importing: isJsonObject(importing) ? { id: textAt(importing, "id") ?? "" } : undefined,
  };
}

const noValues: JsonObject = new Map();

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object.get(key);
  return isJsonObject(value) ? value : noValues;
}

function listAt(object: JsonObject, key: string): readonly Json[] {
  const value = object.get(key);
  return isJsonList(value) ? value : [];
}

const objectsAt = (object: JsonObject, key: string): readonly JsonObject[] => listAt(object, key).filter(isJsonObject);

function textAt(object: JsonObject, key: string): string | undefined {
  const value = object.get(key);
  return typeof value === "string" ? value : undefined;
}

function booleanAt(object: JsonObject, key: string): boolean | undefined {
  const value = object.get(key);
  return typeof value === "boolean" ? value : undefined;
}
