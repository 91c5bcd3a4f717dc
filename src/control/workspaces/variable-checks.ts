import type { StoredVariable, VariableCategory } from "../../domain/workspaces/variable.ts";
import { whyNoHclValue } from "../../lib/hcl/text.ts";
import {
  isTerraformVariableName,
  maxVariableNameLength,
  whyRefusedVariableName,
} from "../../lib/words/variable-names.ts";
import { demandText, invalid } from "../core/refusals.ts";

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

/**
 * Refuses what can be kept of no variable; `field` is where the request says it, with a dot at its end. Names and values that
 * terraform cannot read are kept, as clients of other servers are used to: the run that gets them ends with a word about them.
 */
export function checkKept(field: string, { description, ...variable }: WantedVariable): void {
  const { category, key, value, isHcl } = variable;
  if (key.length === 0 || [...key].length > maxVariableNameLength)
    throw invalid(`${field}key`, `expected 1 to ${maxVariableNameLength} characters, got ${[...key].length}`);
  if (Buffer.byteLength(value) > maxValueBytes)
    throw invalid(`${field}value`, `expected at most ${maxValueBytes} bytes, got ${Buffer.byteLength(value)}`);
  demandText(`${field}description`, description, maxDescriptionLength);
  if (/\p{Cc}/u.test(key)) throw invalid(`${field}key`, "a name holds no control characters");
  refuseZero(field, variable);
  if (category === "env") checkKey(field, category, key);
  if (category === "env" && isHcl) throw envHcl(field, key);
}

/** The same of many variables, which are new; `field` is their list in the request. */
export function checkAllKept(field: string, variables: readonly WantedVariable[]): void {
  const seen = new Set<string>();
  for (const [index, variable] of variables.entries()) {
    checkKept(`${field}[${index}].`, variable);
    const name = `${variable.category}/${variable.key}`;
    if (seen.has(name))
      throw invalid(`${field}[${index}].key`, `the ${variable.category} variable ${variable.key} is given twice`);
    seen.add(name);
  }
}

/** Most bytes of one value, and characters of a description. */
const maxValueBytes = 262_144;
const maxDescriptionLength = 512;

type Checked = Pick<WantedVariable, "category" | "key" | "value" | "isHcl">;

function checkOne(field: string, variable: Checked): void {
  const { category, key } = variable;
  checkKey(`${field}.`, category, key);
  refuseZero(`${field}.`, variable);
  if (variable.isHcl) checkHcl(field, variable);
}

function refuseZero(field: string, { key, value }: Pick<Checked, "key" | "value">): void {
  if (value.includes("\0"))
    throw invalid(`${field}value`, `the value of ${key} holds the character U+0000, which no program can be given`);
}

const envHcl = (field: string, key: string) =>
  invalid(`${field}hcl`, `the environment variable ${key} cannot be HCL: only terraform variables can`);

/** The value itself is not told: it may be a secret. */
function checkHcl(field: string, { category, key, value }: Checked): void {
  if (category === "env") throw envHcl(`${field}.`, key);
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
      `${field}key`,
      `${name} cannot be the name of a terraform variable: it has only letters, digits, _ and -, and starts with a letter or _`,
    );
  }
  const why = whyRefusedVariableName(key);
  if (why !== undefined)
    throw invalid(`${field}key`, `${name} cannot be an environment variable of a workspace: ${why}`);
}
