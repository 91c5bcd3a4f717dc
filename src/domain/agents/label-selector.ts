import { labelKeyPattern, labelValuePattern } from "../../lib/words/label-names.ts";

/** One condition on the labels of an agent. */
export type LabelCondition =
  | { readonly kind: "equals"; readonly key: string; readonly value: string }
  /** An agent without the label differs too. */
  | { readonly kind: "differs"; readonly key: string; readonly value: string }
  | { readonly kind: "present"; readonly key: string }
  | { readonly kind: "absent"; readonly key: string };

export type Labels = Readonly<Record<string, string>>;

/** A selector that was read: all conditions hold, or which part of the text is none, and why. */
export type SelectorReading =
  | { readonly kind: "read"; readonly conditions: readonly LabelCondition[] }
  | { readonly kind: "malformed"; readonly part: string; readonly why: string };

/** Reads `zone=a,gpu,!spot,size!=small`: conditions separated by commas, of which all must hold. An empty text has none. */
export function readSelector(text: string): SelectorReading {
  if (text.trim() === "") return { kind: "read", conditions: [] };
  const conditions: LabelCondition[] = [];
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const condition = conditionIn(part);
    if (condition.kind === "malformed") return condition;
    conditions.push(condition);
  }
  return { kind: "read", conditions };
}

type Malformed = Extract<SelectorReading, { kind: "malformed" }>;

/** The condition that a part says, or what is wrong with it. */
function conditionIn(part: string): LabelCondition | Malformed {
  const malformed = (why: string): Malformed => ({ kind: "malformed", part, why });
  if (part === "") return malformed("is empty: expected key=value, key!=value, key or !key between the commas");
  const [, negation = "", key = "", operator = "", value = ""] = /^(!?)([^=!]*)(!?=)?(.*)$/.exec(part) ?? [];
  if (negation !== "" && operator !== "") return malformed("says both ! and =: expected !key, or key!=value");
  if (!labelKeyPattern.test(key)) return malformed(`has no key such as zone or gpu.model, but ${JSON.stringify(key)}`);
  if (operator === "" && value !== "") return malformed("is none of key=value, key!=value, key and !key");
  if (operator === "") return { kind: negation === "" ? "present" : "absent", key };
  if (!labelValuePattern.test(value))
    return malformed("has a value with other characters than letters, digits and . _ : / @ + -");
  return { kind: operator === "=" ? "equals" : "differs", key, value };
}

/** Whether labels meet every condition. */
export const meets = (labels: Labels, conditions: readonly LabelCondition[]): boolean =>
  conditions.every((condition) => holds(labels, condition));

function holds(labels: Labels, condition: LabelCondition): boolean {
  const value = Object.hasOwn(labels, condition.key) ? labels[condition.key] : undefined;
  switch (condition.kind) {
    case "equals":
      return value === condition.value;
    case "differs":
      return value !== condition.value;
    case "present":
      return value !== undefined;
    case "absent":
      return value === undefined;
  }
}

/** `gpu, zone=a`: labels for people, by name. */
export const labelsText = (labels: Labels): string =>
  Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (value === "" ? key : `${key}=${value}`))
    .join(", ");
