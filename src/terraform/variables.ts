import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WindlassError } from "../lib/errors.ts";
import { isTerraformVariableName } from "../lib/variable-names.ts";
import { nameThatSortsLast } from "./last-name.ts";

export interface TerraformVariable {
  readonly name: string;
  readonly value: string;
  /** True when the value is an HCL expression (literals only: terraform evaluates no functions in variable files). */
  readonly isHcl: boolean;
}

/**
 * Writes variables for a plan as 0600 files into `dir` (outside the working directory) and returns their paths for
 * `-var-file`, which beats every other source. Later variables win over earlier ones of the same name.
 */
export async function writePlanVariables(
  dir: string,
  variables: readonly TerraformVariable[],
): Promise<readonly string[]> {
  const texts = textsOf(variables);
  const json = join(dir, "variables.tfvars.json");
  const hcl = join(dir, "variables.tfvars");
  if (texts.json !== undefined) await write(json, texts.json);
  if (texts.hcl !== undefined) await write(hcl, texts.hcl);
  return [...(texts.json === undefined ? [] : [json]), ...(texts.hcl === undefined ? [] : [hcl])];
}

/**
 * Writes variables for the apply of a saved plan as 0600 `*.auto.tfvars` files that sort last in the working directory:
 * ephemeral ones have to be given again, and terraform takes equal values of the others from such files only.
 */
export async function writeApplyVariables(
  workingDirectory: string,
  variables: readonly TerraformVariable[],
): Promise<readonly string[]> {
  const texts = textsOf(variables);
  const names = (await readdir(workingDirectory)).filter((name) => /\.auto\.tfvars(\.json)?$/.test(name));
  const written: string[] = [];
  const add = async (text: string | undefined, ending: string): Promise<void> => {
    if (text === undefined) return;
    const file = join(workingDirectory, nameThatSortsLast(names, "windlass", ending));
    await write(file, text);
    written.push(file);
  };
  await add(texts.json, ".auto.tfvars.json");
  await add(texts.hcl, ".auto.tfvars");
  return written;
}

function textsOf(variables: readonly TerraformVariable[]) {
  const byName = new Map(variables.map((variable) => [checkedName(variable), variable]));
  const plain = [...byName.values()].filter(({ isHcl }) => !isHcl);
  const expressions = [...byName.values()].filter(({ isHcl }) => isHcl);
  return {
    // JSON strings are taken literally: `${` and `%{` too.
    json:
      plain.length === 0
        ? undefined
        : JSON.stringify(Object.fromEntries(plain.map(({ name, value }) => [name, value]))),
    hcl: expressions.length === 0 ? undefined : expressions.map(assignment).join(""),
  };
}

/** In parentheses a value of several lines, or one that ends with a comment, is still one expression. */
const assignment = ({ name, value }: TerraformVariable): string => `${name} = (\n${value}\n)\n`;

function checkedName({ name }: TerraformVariable): string {
  if (isTerraformVariableName(name)) return name;
  throw new WindlassError("validation", `${JSON.stringify(name)} cannot be the name of a terraform variable`, {
    metadata: { variable: name },
  });
}

const write = (file: string, text: string): Promise<void> => writeFile(file, text, { mode: 0o600, flag: "wx" });
