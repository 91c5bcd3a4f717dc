import type { ResourceChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { type ChangeKind, changeKinds, kindOf } from "./actions.ts";

/** Changes of one kind, by module. */
export interface ChangeGroup {
  readonly kind: ChangeKind;
  readonly count: number;
  readonly modules: readonly ModuleChanges[];
}

/** Changes of one module. */
export interface ModuleChanges {
  /** Empty is the root module. */
  readonly module: string;
  readonly changes: readonly ResourceChange[];
}

/** What is shown of a plan. */
export interface PlanFilter {
  /** In an address, or in the path of an attribute, in any case. */
  readonly text: string;
  /** Empty is every kind. */
  readonly kind: string;
}

function fits(change: ResourceChange, { text, kind }: PlanFilter): boolean {
  if (kind !== "" && kindOf(change) !== kind) return false;
  const needle = text.toLowerCase();
  const has = (value: string) => value.toLowerCase().includes(needle);
  return has(change.address) || has(change.previousAddress) || change.attributes.some(({ path }) => has(path));
}

// One for all: making one for each comparison takes many times as long as comparing.
const { compare } = new Intl.Collator("en", { numeric: true });

const byAddress = (a: ResourceChange, b: ResourceChange): number =>
  compare(a.module, b.module) || compare(a.resourceType, b.resourceType) || compare(a.address, b.address);

/** Changes by kind, the most dangerous first, then by module, type and address. */
export function groupsOf(changes: readonly ResourceChange[], filter: PlanFilter): readonly ChangeGroup[] {
  const sorted = changes.filter((change) => fits(change, filter)).sort(byAddress);
  const byKind = Map.groupBy(sorted, kindOf);
  return changeKinds.flatMap((kind) => {
    const own = byKind.get(kind);
    if (own === undefined) return [];
    const modules = [...Map.groupBy(own, ({ module }) => module)].map(([module, of]) => ({ module, changes: of }));
    return [{ kind, count: own.length, modules }];
  });
}

/** The first changes of several modules. */
export function firstOf(modules: readonly ModuleChanges[], count: number): readonly ModuleChanges[] {
  let left = count;
  return modules.flatMap(({ module, changes }) => {
    const own = changes.slice(0, Math.max(0, left));
    left -= own.length;
    return own.length === 0 ? [] : [{ module, changes: own }];
  });
}
