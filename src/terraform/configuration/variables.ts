import { join } from "node:path";
import { lt } from "semver";
import { writeFile } from "../../lib/fs/at-once.ts";
import { whyNoHclValue } from "../../lib/hcl/text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isTerraformVariableName } from "../../lib/words/variable-names.ts";
import { blocksOf, configurationFilesIn, readText } from "./configuration.ts";
import { mentions } from "./mentions.ts";

export interface TerraformVariable {
  readonly name: string;
  readonly value: string;
  /** True when the value is an HCL expression (literals only: terraform evaluates no functions in variable files). */
  readonly isHcl: boolean;
}

/**
 * Writes variables for a plan or an apply as 0600 files into `dir` (outside the working directory) and returns their
 * paths for `-var-file`, which beats every other source. Later variables win over earlier ones of the same name.
 */
export async function writeVariables(dir: string, variables: readonly TerraformVariable[]): Promise<readonly string[]> {
  const texts = textsOf(variables);
  const json = join(dir, "variables.tfvars.json");
  const hcl = join(dir, "variables.tfvars");
  if (texts.json !== undefined) await write(json, texts.json);
  if (texts.hcl !== undefined) await write(hcl, texts.hcl);
  return [...(texts.json === undefined ? [] : [json]), ...(texts.hcl === undefined ? [] : [hcl])];
}

export interface Applying {
  readonly workingDirectory: string;
  readonly engine: "terraform" | "tofu";
  readonly version: string;
  /** What TF_ENCRYPTION says, which may be made of variables too. */
  readonly encryption?: string | undefined;
}

/** From here on OpenTofu asks for variables before it reads the plan, and takes equal ones of those that the plan holds. */
const firstStatic = "1.8.0-alpha";

/** True if a program takes variable files for `init` and `show` too, for what `source`, `encryption` and `const` need. */
export const evaluatesEarly = (engine: "terraform" | "tofu", version: string): boolean =>
  engine === "tofu" && !lt(version, firstStatic);

/**
 * The variables to give to the apply of a saved plan, which holds all but ephemeral ones. Terraform before 1.11 refuses
 * any other; OpenTofu needs what its backend, modules and encryption are made of, and warns of what is not declared.
 */
export async function variablesOfApply(
  variables: readonly TerraformVariable[],
  { workingDirectory, engine, version, encryption = "" }: Applying,
): Promise<readonly TerraformVariable[]> {
  const isTofu = engine === "tofu";
  if (isTofu && lt(version, firstStatic)) return [];
  const isForEncryption = isTofu && /\bvar\b/.test(encryption);
  if (!isForEncryption && !(await mentions(workingDirectory, askedAgain[engine], "flat"))) return [];
  const declared = await declaredIn(workingDirectory);
  const isAsked = ({ name }: TerraformVariable) => {
    const attributes = declared?.get(name);
    if (declared === undefined) return true;
    return attributes !== undefined && (isTofu || attributes.has("ephemeral") || attributes.has("const"));
  };
  return variables.filter(isAsked);
}

/** Words without which no variable is asked for again. */
const askedAgain = {
  terraform: /\b(ephemeral|const)\b/,
  tofu: /\b(ephemeral|const|encryption|backend|cloud|module)\b/,
};

/**
 * The attributes of each variable that a directory declares, override files included; undefined when a file cannot be
 * read.
 */
async function declaredIn(directory: string): Promise<ReadonlyMap<string, ReadonlySet<string>> | undefined> {
  const declared = new Map<string, Set<string>>();
  for (const name of await configurationFilesIn(directory)) {
    const text = await readText(join(directory, name));
    const blocks = text === undefined ? undefined : blocksOf(name, text);
    if (blocks === undefined) return undefined;
    for (const { type, labels, attributes } of blocks) {
      const [label] = labels;
      if (type !== "variable" || label === undefined) continue;
      declared.set(label, new Set([...(declared.get(label) ?? []), ...attributes]));
    }
  }
  return declared;
}

function textsOf(variables: readonly TerraformVariable[]) {
  const byName = new Map(variables.map((variable) => [checkedName(variable), variable]));
  const plain = [...byName.values()].filter(({ isHcl }) => !isHcl);
  const expressions = [...byName.values()].filter(({ isHcl }) => isHcl);
  for (const expression of expressions) checkExpression(expression);
  return {
    // JSON strings are taken literally: `${` and `%{` too.
    json: plain.length === 0 ? undefined : linesOfJson(plain),
    hcl: expressions.length === 0 ? undefined : expressions.map(assignment).join(""),
  };
}

/** One variable a line: terraform shows the line of an error, and the values of other variables must not stand in it. */
const linesOfJson = (variables: readonly TerraformVariable[]): string =>
  `{\n${variables.map(({ name, value }) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(",\n")}\n}\n`;

/** In parentheses a value of several lines, or one that ends with a comment, is still one expression. */
const assignment = ({ name, value }: TerraformVariable): string => `${name} = (\n${value}\n)\n`;

function checkedName({ name }: TerraformVariable): string {
  if (isTerraformVariableName(name)) return name;
  throw new WindlassError("validation", `${JSON.stringify(name)} cannot be the name of a terraform variable`, {
    metadata: { variable: name },
  });
}

/** One that is no expression by itself would say something else of the variables that stand beside it. */
function checkExpression({ name, value }: TerraformVariable): void {
  const why = whyNoHclValue(value);
  if (why === undefined) return;
  throw new WindlassError("validation", `the value of ${name} is no HCL expression: ${why}`, {
    metadata: { variable: name },
  });
}

const write = (file: string, text: string): Promise<void> => writeFile(file, text, { mode: 0o600, flag: "wx" });
