import type { ResourceChange } from "../../gen/windlass/v1/run_pb.ts";

/** What a reason is told of. */
export type Reasoned = Pick<
  ResourceChange,
  "actionReason" | "address" | "previousAddress" | "module" | "resourceType" | "name"
>;

/** Why terraform does it, in its own words; a reason of a newer terraform is told as it is. Empty for none. */
export function reasonText(change: Reasoned): string {
  const { actionReason: reason } = change;
  return plain[reason] ?? because(change) ?? reason.replaceAll("_", " ");
}

const plain: Readonly<Record<string, string>> = {
  read_because_config_unknown: "config refers to values not yet known",
  read_because_dependency_pending: "depends on a resource or a module with changes pending",
  read_because_check_nested: "config will be reloaded to verify a check block",
  replace_because_tainted: "is tainted, so must be replaced",
  replace_because_cannot_update: "must be replaced",
  replace_by_request: "will be replaced, as requested",
  replace_by_triggers: "will be replaced due to changes in replace_triggered_by",
  delete_because_enabled_false: "because enabled is false",
  forgot_because_lifecycle_destroy_in_state:
    "because lifecycle.destroy = false was configured before this resource was removed from the configuration",
  forgot_because_lifecycle_destroy_in_config: "because lifecycle.destroy = false is set in the configuration",
};

function because({ actionReason, address, previousAddress, module, resourceType, name }: Reasoned): string | undefined {
  const index = indexOf(address);
  switch (actionReason) {
    case "delete_because_no_resource_config":
      return `because ${resourceType === "" ? address : `${resourceType}.${name}`} is not in configuration`;
    case "delete_because_no_module":
      return `because ${module} is not in configuration`;
    case "delete_because_no_move_target":
      return `because ${previousAddress} was moved to ${address}, which is not in configuration`;
    case "delete_because_wrong_repetition":
      return `because resource ${repetition(index)}`;
    case "delete_because_count_index":
      return `because index [${index}] is out of range for count`;
    case "delete_because_each_key":
      return `because key [${index}] is not in for_each map`;
    default:
      return undefined;
  }
}

function repetition(index: string): string {
  if (index === "") return "uses count or for_each";
  return index.startsWith('"') ? "does not use for_each" : "does not use count";
}

/** The key of an instance as its address has it, quoted or a number; empty for the only one. */
const indexOf = (address: string): string => /\[("(?:[^"\\]|\\.)*"|\d+)\]$/.exec(address)?.[1] ?? "";
