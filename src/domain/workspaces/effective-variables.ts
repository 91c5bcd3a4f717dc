import type { StoredVariable, VariableCategory } from "./variable.ts";
import type { VariableSet } from "./variable-set.ts";

/** A variable set with what is in it. */
export interface FilledSet {
  readonly set: VariableSet;
  readonly variables: readonly StoredVariable[];
}

/** Everything that a run of a workspace could get. */
export interface VariableSources {
  /** The workspace's own. */
  readonly own: readonly StoredVariable[];
  /** Attached to the workspace, in any order. */
  readonly attached: readonly FilledSet[];
  /** Of the whole organization, in any order. */
  readonly global: readonly FilledSet[];
}

/** A variable that a run gets, and where it comes from. */
export interface EffectiveVariable {
  readonly variable: StoredVariable;
  /** Null if it is the workspace's own. */
  readonly set: VariableSet | null;
  /** Other sets whose value it hides, the strongest first. */
  readonly hidden: readonly VariableSet[];
}

/**
 * The sets of a workspace, the strongest first, and among equals the first by name: priority sets are above the workspace's own
 * variables, global ones before attached ones; the others are below, attached before global ones.
 */
const inPrecedence = ({ attached, global }: Pick<VariableSources, "attached" | "global">) => {
  const inOrder = (groups: readonly (readonly FilledSet[])[], isPriority: boolean) => [
    ...new Map(
      groups
        .flatMap((group) => group.filter(({ set }) => set.isPriority === isPriority).toSorted(byName))
        .map((filled) => [filled.set.id, filled]),
    ).values(),
  ];
  return { above: inOrder([global, attached], true), below: inOrder([attached, global], false) };
};

const byName = (a: FilledSet, b: FilledSet): number => (a.set.name < b.set.name ? -1 : 1);

/**
 * What a run gets of its workspace and its sets: for each category and key the value of the strongest priority set, else the
 * workspace's own, else that of the strongest other set. By category (terraform first), then key.
 */
export function effectiveVariables(sources: VariableSources): readonly EffectiveVariable[] {
  const found = new Map<string, { readonly variable: StoredVariable; readonly set: VariableSet | null }[]>();
  const add = (variable: StoredVariable, set: VariableSet | null) => {
    const name = `${variable.category}/${variable.key}`;
    found.set(name, [...(found.get(name) ?? []), { variable, set }]);
  };
  const { above, below } = inPrecedence(sources);
  for (const { set, variables } of above) for (const variable of variables) add(variable, set);
  for (const variable of sources.own) add(variable, null);
  for (const { set, variables } of below) for (const variable of variables) add(variable, set);
  const chosen = [...found.values()].flatMap(([first, ...rest]) =>
    first === undefined ? [] : [{ ...first, hidden: rest.flatMap(({ set }) => set ?? []) }],
  );
  return chosen.toSorted(
    (a, b) => rank(a.variable.category) - rank(b.variable.category) || (a.variable.key < b.variable.key ? -1 : 1),
  );
}

const rank = (category: VariableCategory): number => (category === "terraform" ? 0 : 1);
