import type { StoredVariable, VariableCategory } from "../../domain/workspaces/variable.ts";
import { whyNoHclValue } from "../../lib/hcl/text.ts";
import { isTerraformVariableName, whyRefusedVariableName } from "../../lib/words/variable-names.ts";
import { invalid } from "../core/refusals.ts";

/** A variable as it should be. */
export type WantedVariable = Pick<
  StoredVariable,
  "key" | "category" | "value" | "isHcl" | "isSensitive" | "description"
>;

/** The same of terraform variables that a run itself brings; of one that is given twice the last counts. */
export function checkRunVariables(variables: readonly Pick<WantedVariable, "key" | "value" | "isHcl">[]): void {
  for (const [index, variable] of variables.entries())
    checkOne(`options.variables[${index}]`, { ...variable, category: "terraform" });
}

/** Refuses names and values that cannot reach terraform as they are meant. */
export function checkVariables(variables: readonly WantedVariable[]): void {
  const seen = new Map<string, number>();
  for (const [index, variable] of variables.entries()) {
    const { category, key } = variable;
    const field = `variables[${index}]`;
    checkOne(field, variable);
    const twin = seen.get(`${category}/${key}`);
    if (twin !== undefined)
      throw invalid(`${field}.key`, `the ${category} variable ${key} is given twice: in variables[${twin}] too`);
    seen.set(`${category}/${key}`, index);
  }
}

type Checked = Pick<WantedVariable, "category" | "key" | "value" | "isHcl">;

function checkOne(field: string, variable: Checked): void {
  const { category, key, value } = variable;
  checkKey(field, category, key);
  if (value.includes("\0"))
    throw invalid(`${field}.value`, `the value of ${key} holds the character U+0000, which no program can be given`);
  if (variable.isHcl) checkHcl(field, variable);
}

/** The value itself is not told: it may be a secret. */
function checkHcl(field: string, { category, key, value }: Checked): void {
  if (category === "env")
    throw invalid(`${field}.hcl`, `the environment variable ${key} cannot be HCL: only terraform variables can`);
  const why = whyNoHclValue(value);
  if (why === undefined) return;
  throw invalid(
    `${field}.value`,
    `the value of ${key} is no HCL expression: ${why}. Write a literal such as ["a", "b"], or leave hcl out for a plain string`,
  );
}

function checkKey(field: string, category: VariableCategory, key: string): void {
  const name = JSON.stringify(key);
  if (category === "terraform") {
    if (isTerraformVariableName(key)) return;
    throw invalid(
      `${field}.key`,
      `${name} cannot be the name of a terraform variable: it has only letters, digits, _ and -, and starts with a letter or _`,
    );
  }
  const why = whyRefusedVariableName(key);
  if (why !== undefined)
    throw invalid(`${field}.key`, `${name} cannot be an environment variable of a workspace: ${why}`);
}
