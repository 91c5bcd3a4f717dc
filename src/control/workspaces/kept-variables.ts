import type { Person, Principal } from "../../domain/people/principal.ts";
import type { StoredVariable } from "../../domain/workspaces/variable.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, type WorkspaceId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, notFound, visible } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { invalid } from "../core/refusals.ts";
import { openValue } from "./effective-variables.ts";
import { checkKept, type WantedVariable } from "./variable-checks.ts";
import { aboutHolder, findHolder, type HolderReference, type VariableHolder } from "./variable-holder.ts";
import { demandRoom, forget, keepReplaced, nameOf, rowOf } from "./variables.ts";

/** A variable of a workspace or a set, by its id. */
export interface VariableReference {
  readonly of: HolderReference;
  readonly id: string;
}

/** A counted part of the variables of a workspace or a set, by key; the values of sensitive ones are empty. */
export async function searchVariables(
  control: Control,
  who: Principal,
  { of, slice }: { readonly of: HolderReference; readonly slice: Slice },
): Promise<Sliced<StoredVariable>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => (await findHolder(q, person, of)).slice(slice));
}

export async function getVariable(
  control: Control,
  who: Principal,
  { of, id }: VariableReference,
): Promise<StoredVariable> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => findIn(await findHolder(q, person, of), id));
}

/** The workspace that has a variable. */
export async function workspaceOfVariable(control: Control, who: Principal, id: string): Promise<WorkspaceId> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const row = isId("var", id) ? await q.variables.get(id) : undefined;
    return visible(person, row, "variable", id).workspaceId;
  });
}

async function findIn({ get, label }: VariableHolder, id: string): Promise<StoredVariable> {
  const row = isId("var", id) ? await get(id) : undefined;
  if (row === undefined) throw notFound("variable", id, label);
  return row;
}

/** Creates a variable that is not there yet. */
export async function createVariable(
  control: Control,
  who: Principal,
  { of, variable }: { readonly of: HolderReference; readonly variable: WantedVariable },
): Promise<StoredVariable> {
  const person = asPerson(who);
  checkKept("variable.", variable);
  return changeAbout(control, aboutHolder(person, of), async (tx, at) => {
    const holder = await findHolder(tx, person, of);
    demand(person, "operate");
    const row = rowOf(control, holder, { wanted: variable, known: undefined, at: at.now });
    await demandPlace(holder, row);
    await holder.insert(row);
    await recordSet(tx, at, { person, holder, row });
    return row;
  });
}

/** What may be changed of a variable. */
export interface KeptVariableChange extends VariableReference {
  readonly changes: Partial<WantedVariable>;
}

/** Changes a variable, which keeps its id; also one that changes nothing counts. What is sensitive stays so. */
export async function changeVariable(
  control: Control,
  who: Principal,
  { of, id, changes }: KeptVariableChange,
): Promise<StoredVariable> {
  const person = asPerson(who);
  return changeAbout(control, aboutHolder(person, of), async (tx, at) => {
    const holder = await findHolder(tx, person, of);
    demand(person, "operate");
    const known = await findIn(holder, id);
    const wanted = { ...wantedOf(control, holder, known), ...changes };
    if (known.isSensitive && !wanted.isSensitive)
      throw invalid("changes.sensitive", `${known.key} is sensitive and stays so: delete it, and create another one`);
    checkKept("changes.", wanted);
    const row = rowOf(control, holder, { wanted, known, at: at.now });
    await demandPlace(holder, row);
    await holder.save(row);
    await keepReplaced(control, tx, holder, [known], at.now);
    await recordSet(tx, at, { person, holder, row, before: known });
    return row;
  });
}

/** A variable as it was asked for, its value in clear. */
function wantedOf(control: Control, { secretHolder }: VariableHolder, variable: StoredVariable): WantedVariable {
  const { key, category, isHcl, isSensitive, description } = variable;
  const set = secretHolder.kind === "set" ? { id: secretHolder.id } : null;
  return { key, category, isHcl, isSensitive, description, value: openValue(control, { variable, set }) };
}

/** Deletes a variable. */
export async function removeVariable(control: Control, who: Principal, { of, id }: VariableReference): Promise<void> {
  const person = asPerson(who);
  await changeAbout(control, aboutHolder(person, of), async (tx, at) => {
    const holder = await findHolder(tx, person, of);
    demand(person, "operate");
    await forget(control, tx, at, { person, holder, row: await findIn(holder, id) });
  });
}

/** Refuses a name that another one has, and more than there is room for. */
async function demandPlace(holder: VariableHolder, row: StoredVariable): Promise<void> {
  const others = (await holder.all()).filter(({ id }) => id !== row.id);
  if (others.some((other) => nameOf(other) === nameOf(row))) {
    const message = `${holder.title} has the ${row.category} variable ${JSON.stringify(row.key)} already: change that, or choose another name`;
    throw new WindlassError("name_taken", message, { metadata: { resource: "variable", name: row.key } });
  }
  demandRoom(holder, [...others, row]);
}

interface KeptDeed {
  readonly person: Person;
  readonly holder: VariableHolder;
  readonly row: StoredVariable;
  /** Absent if it is new. */
  readonly before?: StoredVariable | undefined;
}

async function recordSet(tx: Queries, at: Change, { person, holder, row, before = row }: KeptDeed): Promise<void> {
  const { id: resource, organizationId, label } = holder;
  const renamed = nameOf(before) === nameOf(row) ? {} : { before: nameOf(before) };
  const detail = { ...label, keys: nameOf(row), ...renamed };
  await record(tx, person, { action: "variable.set", resource, organizationId, detail, at: at.now });
}
