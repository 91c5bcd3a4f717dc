import type { Json } from "./events.ts";
import { createMask, type MaskedJson, type PlanMask, type ShownChange } from "./plan-mask.ts";

export type { MaskedJson } from "./plan-mask.ts";

/** What happens to an object, in terraform's words; a replacement tells its order. */
export type PlanAction =
  | "no-op"
  | "create"
  | "read"
  | "update"
  | "delete"
  | "delete-then-create"
  | "create-then-delete"
  | "forget"
  | "other";

export interface PlannedChange {
  readonly action: PlanAction;
  readonly before: MaskedJson;
  readonly after: MaskedJson;
  /** Mirrors the shape of `after`, with true where a value is known only after the apply. */
  readonly afterUnknown: Json;
}

export interface PlannedResource extends PlannedChange {
  readonly address: string;
  readonly previousAddress?: string;
  /** Address of its module; absent in the root. */
  readonly module?: string;
  readonly mode: string;
  readonly type: string;
  readonly name: string;
  readonly provider: string;
  /** Why, in terraform's words: `replace_because_tainted`, … */
  readonly reason?: string;
  readonly replacePaths?: Json;
  /** The id of the existing object that is imported. */
  readonly importing?: string;
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
  /** Without those to which nothing happens. */
  readonly resources: readonly PlannedResource[];
  /** What changed outside of terraform since the last apply. */
  readonly drift: readonly PlannedResource[];
  readonly outputs: readonly PlannedOutput[];
}

interface ShownResource {
  readonly address?: string;
  readonly previous_address?: string;
  readonly module_address?: string;
  readonly mode?: string;
  readonly type?: string;
  readonly name?: string;
  readonly provider_name?: string;
  readonly action_reason?: string;
  readonly change?: ShownChange;
}

interface ShownPlan {
  readonly terraform_version?: string;
  readonly applyable?: boolean;
  readonly complete?: boolean;
  readonly resource_changes?: readonly ShownResource[];
  readonly resource_drift?: readonly ShownResource[];
  readonly output_changes?: Readonly<Record<string, ShownChange>>;
}

/**
 * Masks and shortens the document of `terraform show -json PLAN`, which holds every secret in clear: variables, prior state and
 * configuration are left out, sensitive values become `{ masked: true }`, and so do values that hold one of `secrets` in any form that the log
 * hides; in addresses, keys and ids it is cut out. Throws when it is no such document.
 */
export function summarizePlan(showJson: string, secrets: readonly string[] = []): PlanSummary {
  const plan = JSON.parse(showJson) as ShownPlan;
  const mask = createMask(changesOf(plan), secrets);
  const resources = (plan.resource_changes ?? []).map((shown) => plannedResource(shown, mask)).filter(isChange);
  const drift = (plan.resource_drift ?? []).map((shown) => plannedResource(shown, mask)).filter(isChange);
  const outputs = Object.entries(plan.output_changes ?? {})
    .map(([name, change]) => ({ name: mask.address(name), ...plannedChange(change, mask) }))
    .filter(({ action }) => action !== "no-op");
  const touched = resources.filter(({ action }) => action !== "read");
  const count = (...actions: readonly PlanAction[]) =>
    resources.filter(({ action }) => actions.includes(action)).length;
  return {
    terraformVersion: plan.terraform_version ?? "",
    isComplete: plan.complete ?? true,
    hasChanges: plan.applyable ?? (touched.length > 0 || outputs.length > 0),
    add: count("create", "delete-then-create", "create-then-delete"),
    change: count("update"),
    destroy: count("delete", "delete-then-create", "create-then-delete"),
    import: resources.filter(({ importing }) => importing !== undefined).length,
    forget: count("forget"),
    resources,
    drift,
    outputs,
  };
}

const isChange = ({ action, importing, previousAddress }: PlannedResource): boolean =>
  action !== "no-op" || importing !== undefined || previousAddress !== undefined;

const changesOf = (plan: ShownPlan): readonly ShownChange[] => [
  ...[...(plan.resource_changes ?? []), ...(plan.resource_drift ?? [])].map(({ change = {} }) => change),
  ...Object.values(plan.output_changes ?? {}),
];

function plannedResource({ change = {}, ...resource }: ShownResource, mask: PlanMask): PlannedResource {
  return {
    address: mask.address(resource.address ?? ""),
    mode: resource.mode ?? "managed",
    type: mask.address(resource.type ?? ""),
    name: mask.address(resource.name ?? ""),
    provider: mask.address(resource.provider_name ?? ""),
    ...plannedChange(change, mask),
    ...(resource.module_address === undefined ? {} : { module: mask.address(resource.module_address) }),
    ...(resource.previous_address === undefined ? {} : { previousAddress: mask.address(resource.previous_address) }),
    ...(resource.action_reason === undefined ? {} : { reason: resource.action_reason }),
    ...(change.replace_paths === undefined ? {} : { replacePaths: mask.shape(change.replace_paths) }),
    ...(change.importing === undefined ? {} : { importing: mask.text(change.importing.id ?? "") }),
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

const actions: Readonly<Record<string, PlanAction>> = {
  "no-op": "no-op",
  create: "create",
  read: "read",
  update: "update",
  delete: "delete",
  "delete,create": "delete-then-create",
  "create,delete": "create-then-delete",
  forget: "forget",
};

const actionOf = (words: readonly string[]): PlanAction => actions[words.join(",")] ?? "other";
