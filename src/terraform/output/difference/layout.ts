import type { Difference, DifferenceAction } from "./difference.ts";
import type { DifferenceBudget } from "./lists.ts";

/** How the parts of a difference are shown. */
export interface Layout {
  readonly level: number;
  /** Else what is the same on both sides is only counted. */
  readonly showsAll: boolean;
  /** Leaves out that what was removed is null then. */
  readonly omitsNull: boolean;
  readonly budget: DifferenceBudget;
  /** For what lies within a text. */
  readonly render: (difference: Difference, layout: Layout) => string;
}

const symbols: Readonly<Record<DifferenceAction, string>> = {
  create: "  + ",
  delete: "  - ",
  update: "  ~ ",
  "no-op": "    ",
};

export const nullSuffix = (action: DifferenceAction, { omitsNull }: Layout): string =>
  action === "delete" && !omitsNull ? " -> null" : "";

export const marginOf = (level: number, action: DifferenceAction = "no-op"): string =>
  "    ".repeat(level) + symbols[action];
