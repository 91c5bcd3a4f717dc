import { type Json, readJson } from "../../lib/json/json.ts";
import { shownDrift } from "./drift.ts";
import { createMask, type PlanMask, type ShownChange } from "./mask.ts";
import { type PlanAction, type PlannedChange, withWriteOnly } from "./shape.ts";
import { changesOf, type ShownResource, shownPlan } from "./shown-plan.ts";

export type { MaskedJson } from "./mask.ts";

export interface PlannedResource extends PlannedChange {
  readonly address: string;
  readonly previousAddress?: string | undefined;
  /** Address of its module; absent in the root. */
  readonly module?: string | undefined;
  readonly mode: string;
  readonly type: string;
  readonly name: string;
  readonly provider: string;
  /** Why, in terraform's words: `replace_because_tainted`, … */
  readonly reason?: string | undefined;
  readonly replacePaths?: Json | undefined;
  /** The id of the existing object that is imported. */
  readonly importing?: string | undefined;
}

export interface PlannedOutput extends PlannedChange {
  readonly name: string;
}

/** A plan without its secrets: what may leave the agent. */
export interface PlanSummary {
  readonly terraformVersion: string;
  /** False when something was put off, so that another plan is needed after this one is applied. */
  readonly isComplete: boolean;
  /** True when an apply of this plan would do anything, saving changed outputs or drift included. */
  readonly hasChanges: boolean;
  readonly add: number;
  readonly change: number;
  readonly destroy: number;
  readonly import: number;
  readonly forget: number;
  readonly move: number;
  /** Without those to which nothing happens. */
  readonly resources: readonly PlannedResource[];
  /** What changed outside of terraform since the last apply, as far as terraform's own text shows it. */
  readonly drift: readonly PlannedResource[];
  readonly outputs: readonly PlannedOutput[];
}

/** What the document does not say of the plan itself. */
export interface PlanFacts {
  readonly isRefreshOnly: boolean;
  /** OpenTofu shows write-only attributes beside every change, terraform only where an object is created. */
  readonly isTofu: boolean;
}

const ordinary: PlanFacts = { isRefreshOnly: false, isTofu: false };

/**
 * Masks and shortens the document of `terraform show -json PLAN`, which holds every secret in clear: variables, prior
 * state and configuration are left out, sensitive values become `{ masked: true }`, and so do values that hold one of
 * `secrets` in any form that the log hides; in addresses, keys and ids it is cut out. Throws when it is no such
 * document.
 */
export function summarizePlan(
  showJson: string,
  secrets: readonly string[] = [],
  facts: PlanFacts = ordinary,
): PlanSummary {
  const plan = shownPlan(readJson(showJson));
  const mask = createMask(changesOf(plan), secrets);
  const planned = (shown: readonly ShownResource[]) =>
    shown.map((one) => plannedResource(one, mask, facts)).filter(isChange);
  const resources = planned(plan.resourceChanges);
  const outputs = plan.outputChanges
    .map(([name, change]) => ({ name: mask.address(name), ...plannedChange(change, mask) }))
    .filter(({ action }) => action !== "no-op");
  const isEmpty = outputs.length === 0 && resources.every(isOnlyImported);
  const { relevant } = plan;
  const drift = planned(shownDrift(plan.resourceDrift, { ...facts, relevant, isEmpty }));
  const touched = resources.filter(({ action }) => action !== "read");
  const count = (...actions: readonly PlanAction[]) =>
    resources.filter(({ action }) => actions.includes(action)).length;
  return {
    terraformVersion: plan.terraformVersion,
    isComplete: plan.isComplete,
    hasChanges: plan.isApplyable ?? (touched.length > 0 || outputs.length > 0),
    add: count("create", ...replacements, ...forgetting),
    change: count("update"),
    destroy: count("delete", ...replacements),
    import: resources.filter(({ importing }) => importing !== undefined).length,
    forget: count("forget", ...forgetting),
    move: resources.filter(({ previousAddress }) => previousAddress !== undefined).length,
    resources,
    drift,
    outputs,
  };
}

const replacements = ["delete-then-create", "create-then-delete"] as const;
const forgetting = ["forget-then-create", "create-then-forget"] as const;

const isChange = ({ action, importing, previousAddress }: PlannedResource): boolean =>
  action !== "no-op" || importing !== undefined || previousAddress !== undefined;

const isOnlyImported = ({ action, previousAddress }: PlannedResource): boolean =>
  action === "no-op" && previousAddress === undefined;

function plannedResource({ change, ...resource }: ShownResource, mask: PlanMask, facts: PlanFacts): PlannedResource {
  return {
    address: mask.address(resource.address),
    mode: resource.mode,
    type: mask.address(resource.type),
    name: mask.address(resource.name),
    provider: mask.address(resource.provider),
    ...withWriteOnly(plannedChange(change, mask), facts),
    module: resource.module === undefined ? undefined : mask.address(resource.module),
    previousAddress: resource.previousAddress === undefined ? undefined : mask.address(resource.previousAddress),
    reason: resource.reason,
    replacePaths: change.replace_paths === undefined ? undefined : mask.shape(change.replace_paths),
    importing: change.importing === undefined ? undefined : mask.text(change.importing.id),
  };
}

function plannedChange(change: ShownChange, mask: PlanMask): PlannedChange {
  const {
    before = null,
    after = null,
    before_sensitive: hiddenBefore = false,
    after_sensitive: hiddenAfter = false,
  } = change;
  return {
    action: actionOf(change.actions ?? []),
    before: mask.value(before, hiddenBefore, after),
    after: mask.value(after, hiddenAfter, before),
    afterUnknown: mask.shape(change.after_unknown ?? false),
  };
}

const actions: ReadonlyMap<string, PlanAction> = new Map([
  ["no-op", "no-op"],
  ["create", "create"],
  ["read", "read"],
  ["update", "update"],
  ["delete", "delete"],
  ["delete,create", "delete-then-create"],
  ["create,delete", "create-then-delete"],
  ["forget", "forget"],
  ["forget,create", "forget-then-create"],
  ["create,forget", "create-then-forget"],
]);

const actionOf = (words: readonly string[]): PlanAction => actions.get(words.join(",")) ?? "other";
