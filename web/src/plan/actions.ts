import { PlanAction, type ResourceChange } from "../../../src/gen/windlass/v1/run_pb.ts";

/** The kinds of change, the most dangerous first. */
export const changeKinds = [
  "destroy",
  "replace",
  "forget",
  "update",
  "create",
  "import",
  "move",
  "read",
  "other",
] as const;

export type ChangeKind = (typeof changeKinds)[number];

interface KindWords {
  readonly symbol: string;
  readonly word: string;
  readonly title: string;
  readonly tone: string;
}

export const kindWords: Readonly<Record<ChangeKind, KindWords>> = {
  destroy: { symbol: "−", word: "destroy", title: "Destroy", tone: "text-error" },
  replace: { symbol: "±", word: "replace", title: "Replace", tone: "text-error" },
  forget: { symbol: "∖", word: "forget", title: "Forget, and leave in the world", tone: "text-warning" },
  update: { symbol: "~", word: "update", title: "Update in place", tone: "text-warning" },
  create: { symbol: "+", word: "create", title: "Create", tone: "text-success" },
  import: { symbol: "⇥", word: "import", title: "Import", tone: "text-info" },
  move: { symbol: "→", word: "move", title: "Move", tone: "text-info" },
  read: { symbol: "≤", word: "read", title: "Read during the apply", tone: "quiet" },
  other: { symbol: "·", word: "no change", title: "No change", tone: "quiet" },
};

type Acted = Pick<ResourceChange, "action" | "previousAddress" | "importId">;

const kindOfAction: Readonly<Record<PlanAction, ChangeKind>> = {
  [PlanAction.UNSPECIFIED]: "other",
  [PlanAction.NO_OP]: "other",
  [PlanAction.CREATE]: "create",
  [PlanAction.READ]: "read",
  [PlanAction.UPDATE]: "update",
  [PlanAction.REPLACE]: "replace",
  [PlanAction.REPLACE_CREATE_FIRST]: "replace",
  [PlanAction.DESTROY]: "destroy",
  [PlanAction.FORGET]: "forget",
  [PlanAction.FORGET_THEN_CREATE]: "forget",
  [PlanAction.CREATE_THEN_FORGET]: "forget",
};

/** Of what kind a change is; an import or a move that changes nothing else is of its own. */
export function kindOf({ action, previousAddress, importId }: Acted): ChangeKind {
  const kind = kindOfAction[action] ?? "other";
  if (kind !== "other") return kind;
  if (importId !== "") return "import";
  return previousAddress === "" ? "other" : "move";
}

const orders: Readonly<Partial<Record<PlanAction, string>>> = {
  [PlanAction.REPLACE_CREATE_FIRST]: "the new one is created first",
  [PlanAction.FORGET_THEN_CREATE]: "and created anew",
  [PlanAction.CREATE_THEN_FORGET]: "after the new one is created",
};

const reasons: Readonly<Record<string, string>> = {
  replace_because_tainted: "it is tainted",
  replace_because_cannot_update: "it cannot be updated in place",
  replace_by_request: "as requested",
  replace_by_triggers: "a trigger changed",
  delete_because_no_resource_config: "it is not in the configuration",
  delete_because_no_module: "its module is not in the configuration",
  delete_because_wrong_repetition: "its count or for_each changed",
  delete_because_count_index: "its index is beyond count",
  delete_because_each_key: "its key is not in for_each",
  delete_because_no_move_target: "the address it moved to is not in the configuration",
  read_because_config_unknown: "its configuration is known after the apply",
  read_because_dependency_pending: "it depends on something that changes",
  read_because_check_nested: "a check reads it",
};

/** Why it is done, and in which order, for people; empty if there is nothing to say. */
export function reasonText({ action, actionReason }: Pick<ResourceChange, "action" | "actionReason">): string {
  const reason = actionReason === "" ? "" : (reasons[actionReason] ?? actionReason.replaceAll("_", " "));
  return [reason, orders[action] ?? ""].filter(Boolean).join(", ");
}
