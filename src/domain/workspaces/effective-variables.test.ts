import { describe, expect, test } from "vitest";
import { effectiveVariables, type FilledSet } from "./effective-variables.ts";
import type { StoredVariable, VariableCategory } from "./variable.ts";

const at = new Date(0);
const variable = (name: string, value: string): StoredVariable => {
  const [category, key] = name.split("/") as [VariableCategory, string];
  const kinds = { isHcl: false, isSensitive: false, sealedValue: null, description: "", revision: 1 };
  return { id: `var_${value}`, organizationId: "org_1", key, category, value, ...kinds, updatedAt: at };
};
const filled = (name: string, values: Readonly<Record<string, string>>): FilledSet => ({
  set: {
    ...{ id: `vset_${name}`, organizationId: "org_1", name, description: "", isGlobal: false, isPriority: false },
    ...{ createdAt: at, updatedAt: at, version: 1 },
  },
  variables: Object.entries(values).map(([key, value]) => variable(key, value)),
});
const priority = (name: string, values: Readonly<Record<string, string>>): FilledSet => {
  const { set, variables } = filled(name, values);
  return { set: { ...set, isPriority: true }, variables };
};
const own = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([key, value]) => variable(key, value));

/** `terraform/a = value (set) > hidden, hidden` */
const told = (sources: Parameters<typeof effectiveVariables>[0]) =>
  effectiveVariables(sources).map(({ variable: { category, key, value }, set, hidden }) => {
    const over = hidden.length === 0 ? "" : ` over ${hidden.map(({ name }) => name).join(", ")}`;
    return `${category}/${key} = ${value} of ${set?.name ?? "the workspace"}${over}`;
  });

describe("what a run gets", () => {
  test.each([
    ["nothing of nothing", { own: [], attached: [], global: [] }, []],
    [
      "the workspace's own before attached before global",
      {
        own: own({ "terraform/a": "1" }),
        attached: [filled("x", { "terraform/a": "2", "terraform/b": "2" })],
        global: [filled("a", { "terraform/a": "3", "terraform/b": "3", "terraform/c": "3" })],
      },
      ["terraform/a = 1 of the workspace over x, a", "terraform/b = 2 of x over a", "terraform/c = 3 of a"],
    ],
    [
      "of two attached sets the first by name, whatever order they come in",
      {
        own: [],
        attached: [filled("z", { "env/K": "z" }), filled("b", { "env/K": "b" })],
        global: [filled("y", { "env/K": "y" }), filled("a", { "env/K": "a" })],
      },
      ["env/K = b of b over z, a, y"],
    ],
    [
      "a set once that is both attached and global",
      { own: [], attached: [filled("s", { "env/K": "1" })], global: [filled("s", { "env/K": "1" })] },
      ["env/K = 1 of s"],
    ],
    [
      "of priority sets before the workspace's own: global before attached, and the first by name",
      {
        own: own({ "terraform/a": "own", "terraform/b": "own", "terraform/c": "own" }),
        attached: [filled("a", { "terraform/a": "a" }), priority("y", { "terraform/a": "y", "terraform/b": "y" })],
        global: [
          priority("z", { "terraform/a": "z" }),
          priority("q", { "env/K": "q" }),
          priority("p", { "env/K": "p" }),
        ],
      },
      [
        "terraform/a = z of z over y, a",
        "terraform/b = y of y",
        "terraform/c = own of the workspace",
        "env/K = p of p over q",
      ],
    ],
    [
      "a priority set once that is both attached and global, as a global one",
      {
        own: [],
        attached: [priority("s", { "env/K": "1" }), priority("a", { "env/K": "2" })],
        global: [priority("s", { "env/K": "1" })],
      },
      ["env/K = 1 of s over a"],
    ],
    [
      "the same key of both categories, terraform's first",
      { own: own({ "env/A": "1", "terraform/B": "2" }), attached: [filled("s", { "terraform/A": "3" })], global: [] },
      ["terraform/A = 3 of s", "terraform/B = 2 of the workspace", "env/A = 1 of the workspace"],
    ],
  ])("is %s", (_rule, sources, expected) => expect(told(sources)).toEqual(expected));
});
