import { type EffectiveVariable, type Variable, VariableCategory } from "../../gen/windlass/v1/variable_pb.ts";
import { ageText } from "../terminal/ages.ts";
import type { Notes } from "../terminal/notes.ts";
import type { Column } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";

/** `var/region`. */
export const variableName = ({ key }: Variable): string => `var/${key}`;

export const variableColumns: readonly Column<Variable>[] = [
  { name: "KEY", value: ({ key }) => key },
  { name: "VALUE", value: ({ value, sensitive }) => (sensitive ? "(sensitive)" : value) },
  { name: "CATEGORY", drop: 3, value: ({ category }) => enumText(VariableCategory, category) },
  { name: "HCL", drop: 1, value: ({ hcl }) => (hcl ? "yes" : "") },
  { name: "DESCRIPTION", drop: 2, value: ({ description }) => description },
  { name: "CHANGED", isWide: true, value: ({ updateTime }, now) => ageText(updateTime, now) },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** `var/region`. */
export const effectiveName = ({ variable }: EffectiveVariable): string => `var/${variable?.key ?? ""}`;

const shown = ({ variable }: EffectiveVariable): string =>
  variable?.sensitive === true ? "(sensitive)" : (variable?.value ?? "");

export const effectiveColumns: readonly Column<EffectiveVariable>[] = [
  { name: "KEY", value: ({ variable }) => variable?.key ?? "" },
  { name: "VALUE", value: shown },
  { name: "CATEGORY", drop: 3, value: ({ variable }) => enumText(VariableCategory, variable?.category ?? 0) },
  { name: "FROM", value: ({ variableSet }) => (variableSet === "" ? "workspace" : `set ${variableSet}`) },
  { name: "HIDES", drop: 1, value: ({ overrides }) => overrides.map((name) => `set ${name}`).join(", ") },
  { name: "HCL", isWide: true, value: ({ variable }) => (variable?.hcl === true ? "yes" : "") },
];

/** Shorter values would blot out ordinary words: they are not redacted in logs. */
const leastRedacted = 6;

/** Variables that hold keys by their nature. */
const keyHolders = new Set(["TF_ENCRYPTION"]);

/** Warns of keys that everybody could read; `cure` says how to set them instead. */
export function warnOfOpenKeys(
  notes: Notes,
  variables: readonly { readonly key: string; readonly sensitive: boolean }[],
  cure = "set it with --sensitive",
): void {
  const open = variables.filter(({ key, sensitive }) => !sensitive && keyHolders.has(key)).map(({ key }) => key);
  if (open.length > 0)
    notes.warn(`${open.join(", ")} holds keys, and everybody who may read the variable reads them: ${cure}`);
}

/** Warns of sensitive values that logs would show all the same. */
export function warnOfShortSecrets(
  notes: Notes,
  variables: readonly { readonly key: string; readonly value: string; readonly sensitive: boolean }[],
): void {
  const short = variables.filter(({ value, sensitive }) => sensitive && value.trim().length < leastRedacted);
  if (short.length === 0) return;
  const names = short.map(({ key }) => key).join(", ");
  notes.warn(`values of fewer than ${leastRedacted} characters are not redacted in logs: ${names}`);
}
