import type { JsonObject } from "../../lib/json/json.ts";
import { sameJson } from "../../lib/json/text.ts";

/** One instance of a resource in a state. */
export interface StateInstance {
  /** For example `module.net.aws_subnet.a[0]`. */
  readonly address: string;
  /** Empty is the root. */
  readonly module: string;
  readonly type: string;
  readonly name: string;
  /** Source address of its provider. */
  readonly provider: string;
  /** Its attribute `id` if it has one that is not sensitive; empty otherwise. */
  readonly resourceId: string;
  readonly isData: boolean;
  readonly isTainted: boolean;
  /** By name. Secret: never shown. */
  readonly attributes: JsonObject;
}

/** What can be compared of a state. */
export interface StateContents {
  /** By address. */
  readonly instances: readonly StateInstance[];
  readonly outputs: JsonObject;
}

/** How one state differs from another, without any value. */
export interface StateDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly address: string; readonly attributes: readonly string[] }[];
  readonly outputs: readonly string[];
}

/** Compares two states. A change of the taint counts as the attribute `(tainted)`. */
export function stateDifference(from: StateContents, to: StateContents): StateDifference {
  const before = new Map(from.instances.map((one) => [one.address, one]));
  const after = new Map(to.instances.map((one) => [one.address, one]));
  const changed = to.instances.flatMap((one) => {
    const old = before.get(one.address);
    const attributes = old === undefined ? [] : changedAttributes(old, one);
    return attributes.length === 0 ? [] : [{ address: one.address, attributes }];
  });
  return {
    added: to.instances.filter(({ address }) => !before.has(address)).map(({ address }) => address),
    removed: from.instances.filter(({ address }) => !after.has(address)).map(({ address }) => address),
    changed,
    outputs: changedKeys(from.outputs, to.outputs),
  };
}

const changedAttributes = (before: StateInstance, after: StateInstance): readonly string[] => [
  ...changedKeys(before.attributes, after.attributes),
  ...(before.isTainted === after.isTainted ? [] : ["(tainted)"]),
];

const changedKeys = (before: JsonObject, after: JsonObject): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter((key) => !sameJson(before.get(key), after.get(key))).sort();
