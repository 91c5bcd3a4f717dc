import { expect, test } from "vitest";
import { type Reasoned, reasonText } from "./plan-reasons.ts";

const of = (actionReason: string, change: Partial<Reasoned> = {}): string =>
  reasonText({
    actionReason,
    address: "module.m.t.n",
    previousAddress: "",
    module: "module.m",
    resourceType: "t",
    name: "n",
    ...change,
  });

test.each<readonly [string, Partial<Reasoned>, string]>([
  ["read_because_config_unknown", {}, "config refers to values not yet known"],
  ["read_because_dependency_pending", {}, "depends on a resource or a module with changes pending"],
  ["read_because_check_nested", {}, "config will be reloaded to verify a check block"],
  ["replace_because_tainted", {}, "is tainted, so must be replaced"],
  ["replace_because_cannot_update", {}, "must be replaced"],
  ["replace_by_request", {}, "will be replaced, as requested"],
  ["replace_by_triggers", {}, "will be replaced due to changes in replace_triggered_by"],
  ["delete_because_no_resource_config", {}, "because t.n is not in configuration"],
  ["delete_because_no_module", {}, "because module.m is not in configuration"],
  [
    "delete_because_no_move_target",
    { previousAddress: "t.old" },
    "because t.old was moved to module.m.t.n, which is not in configuration",
  ],
  ["delete_because_wrong_repetition", {}, "because resource uses count or for_each"],
  ["delete_because_wrong_repetition", { address: "t.n[2]" }, "because resource does not use count"],
  ["delete_because_wrong_repetition", { address: 't.n["a"]' }, "because resource does not use for_each"],
  ["delete_because_count_index", { address: "t.n[2]" }, "because index [2] is out of range for count"],
  ["delete_because_each_key", { address: 't.n["a]b\\"[0]"]' }, 'because key ["a]b\\"[0]"] is not in for_each map'],
  ["delete_because_enabled_false", {}, "because enabled is false"],
  ["delete_because_of_a_newer_terraform", {}, "delete because of a newer terraform"],
  ["", {}, ""],
])("%s of %j is told as terraform words it", (reason, change, text) => {
  expect(of(reason, change)).toBe(text);
});
