import type { Principal } from "../domain/principal.ts";
import type { Variable, VariableCategory } from "../domain/variable.ts";
import type { Workspace } from "../domain/workspace.ts";
import { WindlassError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { isTerraformVariableName, whyRefusedVariableName } from "../lib/variable-names.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findWorkspace, notFound, type Reference } from "./access.ts";
import { change, type Moment } from "./advance.ts";
import { record } from "./audit.ts";
import type { Control } from "./control.ts";
import { invalid } from "./invalid.ts";
import { shortList } from "./names.ts";
import { type Page, type PageRequest, pageByKey } from "./pages.ts";

/** A variable as it should be. */
export type WantedVariable = Pick<Variable, "key" | "category" | "value" | "isHcl" | "isSensitive" | "description">;

/** Most variables of one workspace. */
export const maxVariables = 1000;
/** All values of a workspace together: a job gets them in one message. */
const maxVariableBytes = 2 * 1024 * 1024;

/** The variables of a workspace by key; the values of sensitive ones are empty. */
export async function listVariables(
  control: Control,
  who: Principal,
  { workspace: reference, page }: { readonly workspace: Reference; readonly page: PageRequest },
): Promise<Page<Variable>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const { id } = await findWorkspace(q, person, reference);
    return pageByKey(
      page,
      (keys) => q.variables.list(id, keys),
      ({ key, category }) => `${key}\u0001${category}`,
    );
  });
}

/** Creates or overwrites variables by category and key, all or none. */
export async function setVariables(
  control: Control,
  who: Principal,
  { workspace: reference, variables }: { readonly workspace: Reference; readonly variables: readonly WantedVariable[] },
): Promise<readonly Variable[]> {
  const person = asPerson(who);
  checkVariables(variables);
  return change(control, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    const set: Variable[] = [];
    for (const wanted of variables) set.push(await setOne({ control, tx, at }, workspace, wanted));
    await demandRoom(tx, workspace);
    const detail = {
      workspace: workspace.name,
      keys: shortList(
        variables.map(({ key, category }) => `${category}/${key}`),
        100,
      ),
    };
    const deed = { action: "variable.set", resource: workspace.id, organizationId: workspace.organizationId, detail };
    await record(tx, person, { ...deed, at: at.now });
    return set;
  });
}

async function setOne(
  { control, tx, at }: { readonly control: Control; readonly tx: Queries; readonly at: Moment },
  workspace: Workspace,
  { value, ...wanted }: WantedVariable,
): Promise<Variable> {
  const known = await tx.variables.byKey(workspace.id, wanted.category, wanted.key);
  const id = known?.id ?? newId("var", control.random);
  const sealed = { value: "", sealedValue: control.vault.seal(Buffer.from(value), variableSubject(id)) };
  const content = wanted.isSensitive ? sealed : { value, sealedValue: null };
  const owner = { organizationId: workspace.organizationId, workspaceId: workspace.id };
  const row: Variable = { id, ...owner, ...wanted, ...content, updatedAt: at.now };
  await (known === undefined ? tx.variables.insert(row) : tx.variables.save(row));
  return row;
}

/** What the sealed value of a variable is bound to. */
export const variableSubject = (id: Variable["id"]): string => `variable/${id}`;

async function demandRoom(tx: Queries, { id, name }: Workspace): Promise<void> {
  const rows = await tx.variables.all(id);
  if (rows.length > maxVariables) {
    const message = `workspace "${name}" would have ${rows.length} variables: at most ${maxVariables} are allowed`;
    throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxVariables) } });
  }
  const bytes = rows.reduce((sum, row) => sum + Buffer.byteLength(row.value) + (row.sealedValue?.length ?? 0), 0);
  if (bytes <= maxVariableBytes) return;
  const message = `the variables of workspace "${name}" would have ${bytes} bytes: at most ${maxVariableBytes} are allowed together. Put large values into files of the configuration`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxVariableBytes) } });
}

export interface VariableName {
  readonly workspace: Reference;
  readonly category: VariableCategory;
  readonly key: string;
}

/** Deletes one variable. */
export async function deleteVariable(
  control: Control,
  who: Principal,
  { workspace: reference, category, key }: VariableName,
): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, "operate");
    if (!(await tx.variables.delete(workspace.id, category, key))) throw notFound(`${category} variable`, key);
    const detail = { workspace: workspace.name, keys: `${category}/${key}` };
    const deed = {
      action: "variable.delete",
      resource: workspace.id,
      organizationId: workspace.organizationId,
      detail,
    };
    await record(tx, person, { ...deed, at: at.now });
  });
}

function checkVariables(variables: readonly WantedVariable[]): void {
  const seen = new Map<string, number>();
  for (const [index, { category, key, isHcl, value }] of variables.entries()) {
    const field = `variables[${index}]`;
    checkKey(field, category, key);
    if (isHcl && category === "env")
      throw invalid(`${field}.hcl`, `the environment variable ${key} cannot be HCL: only terraform variables can`);
    if (value.includes("\0"))
      throw invalid(`${field}.value`, `the value of ${key} holds the character U+0000, which no program can be given`);
    const twin = seen.get(`${category}/${key}`);
    if (twin !== undefined)
      throw invalid(`${field}.key`, `the ${category} variable ${key} is given twice: in variables[${twin}] too`);
    seen.set(`${category}/${key}`, index);
  }
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
