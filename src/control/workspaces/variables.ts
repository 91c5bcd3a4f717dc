import type { Person, Principal } from "../../domain/people/principal.ts";
import type { StoredVariable, VariableCategory } from "../../domain/workspaces/variable.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { newId } from "../../lib/words/ids.ts";
import type { Pair } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, notFound } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { pairCursor } from "../core/cursor.ts";
import { shortList } from "../core/names.ts";
import { type Page, type PageRequest, pageByKey } from "../core/pages.ts";
import { bytesOf, openValue } from "./effective-variables.ts";
import { keepFormer, secretsIn } from "./former-secrets.ts";
import { checkVariables, type WantedVariable } from "./variable-checks.ts";
import { aboutHolder, findHolder, type HolderReference, type VariableHolder } from "./variable-holder.ts";

/** Most variables of one workspace or variable set. */
export const maxVariables = 1000;
/** All values of a workspace or variable set together: a job gets them in one message. */
const maxVariableBytes = 2 * 1024 * 1024;

/** The variables of a workspace or a variable set by key; the values of sensitive ones are empty. */
export async function listVariables(
  control: Control,
  who: Principal,
  { of, page }: { readonly of: HolderReference; readonly page: PageRequest },
): Promise<Page<StoredVariable>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const holder = await findHolder(q, person, of);
    return pageByKey(page, {
      cursor: pairCursor,
      read: (keys) => holder.list(keys),
      keyOf: ({ key, category }): Pair => [key, category],
    });
  });
}

export interface VariableChange {
  readonly of: HolderReference;
  readonly variables: readonly WantedVariable[];
  /** Check everything, and change nothing. */
  readonly isTrial?: boolean | undefined;
}

/** Creates or overwrites variables by category and key, all or none. */
export async function setVariables(
  control: Control,
  who: Principal,
  { of, variables, isTrial }: VariableChange,
): Promise<readonly StoredVariable[]> {
  const person = asPerson(who);
  checkVariables(variables);
  return changeAbout(control, aboutHolder(person, of), async (tx, at) => {
    const holder = await findHolder(tx, person, of);
    demand(person, "operate");
    return writeVariables(control, tx, at, { person, holder, variables, isTrial });
  });
}

interface Writing {
  readonly person: Person;
  readonly holder: VariableHolder;
  /** Checked. */
  readonly variables: readonly WantedVariable[];
  readonly isTrial?: boolean | undefined;
}

/** Creates or overwrites variables of a holder, as a part of a change. */
export async function writeVariables(
  control: Control,
  tx: Queries,
  at: Change,
  { person, holder, variables, isTrial = false }: Writing,
): Promise<readonly StoredVariable[]> {
  const known = new Map((await holder.all()).map((row) => [nameOf(row), row]));
  const set = variables.map((wanted) =>
    rowOf(control, holder, { wanted, known: known.get(nameOf(wanted)), at: at.now }),
  );
  demandRoom(holder, [...new Map([...known, ...set.map((row) => [nameOf(row), row] as const)]).values()]);
  if (isTrial) return set;
  const replaced = set.flatMap((row) => known.get(nameOf(row)) ?? []);
  for (const row of set) await (known.has(nameOf(row)) ? holder.save(row) : holder.insert(row));
  await keepReplaced(control, tx, holder, replaced, at.now);
  const keys = shortList(variables.map(nameOf), 100);
  const { id: resource, organizationId, label } = holder;
  const entry = { action: "variable.set", resource, organizationId, detail: { ...label, keys } };
  await record(tx, person, { ...entry, at: at.now });
  return set;
}

/** What sensitive variables were still stands in states: it is hidden on. What they are now need not be remembered. */
export async function keepReplaced(
  control: Control,
  tx: Queries,
  holder: VariableHolder,
  replaced: readonly StoredVariable[],
  at: Date,
): Promise<void> {
  const { secretHolder } = holder;
  const set = secretHolder.kind === "set" ? { id: secretHolder.id } : null;
  const secrets = secretsIn(control, replaced, set);
  if (secrets.length === 0) return;
  const present = new Set((await holder.all()).map((variable) => openValue(control, { variable, set })));
  const former = secrets.filter(({ value }) => !present.has(value));
  await keepFormer(control, tx, { holder: secretHolder, secrets: former, at });
}

/** `terraform/region`. */
export const nameOf = ({ category, key }: Pick<StoredVariable, "category" | "key">): string => `${category}/${key}`;

interface Wanted {
  readonly wanted: WantedVariable;
  readonly known: StoredVariable | undefined;
  readonly at: Date;
}

/** The row of a variable that is set, with a new revision. */
export function rowOf(
  { random, vault }: Control,
  { organizationId, subjectOf }: VariableHolder,
  { wanted: { value, ...wanted }, known, at }: Wanted,
): StoredVariable {
  const id = known?.id ?? newId("var", random);
  const content = wanted.isSensitive
    ? { value: "", sealedValue: vault.seal(Buffer.from(value), subjectOf({ id })) }
    : { value, sealedValue: null };
  return { id, organizationId, ...wanted, ...content, revision: (known?.revision ?? 0) + 1, updatedAt: at };
}

/** Refuses more variables, and more of them, than a workspace or a set may have. */
export function demandRoom({ title }: VariableHolder, rows: readonly StoredVariable[]): void {
  if (rows.length > maxVariables) {
    const message = `${title} would have ${rows.length} variables: at most ${maxVariables} are allowed`;
    throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxVariables) } });
  }
  const bytes = bytesOf(rows);
  if (bytes <= maxVariableBytes) return;
  const message = `the variables of ${title} would have ${bytes} bytes: at most ${maxVariableBytes} are allowed together. Put large values into files of the configuration`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxVariableBytes) } });
}

export interface VariableName {
  readonly of: HolderReference;
  readonly category: VariableCategory;
  readonly key: string;
}

/** Deletes one variable. */
export async function deleteVariable(
  control: Control,
  who: Principal,
  { of, category, key }: VariableName,
): Promise<void> {
  const person = asPerson(who);
  await changeAbout(control, aboutHolder(person, of), async (tx, at) => {
    const holder = await findHolder(tx, person, of);
    demand(person, "operate");
    const row = (await holder.all()).find((one) => one.category === category && one.key === key);
    if (row === undefined) throw notFound(`${category} variable`, key, holder.label);
    await forget(control, tx, at, { person, holder, row });
  });
}

interface Forgotten {
  readonly person: Person;
  readonly holder: VariableHolder;
  readonly row: StoredVariable;
}

/** Deletes a variable that is there. */
export async function forget(
  control: Control,
  tx: Queries,
  at: Change,
  { person, holder, row }: Forgotten,
): Promise<void> {
  await holder.delete(row.category, row.key);
  await keepReplaced(control, tx, holder, [row], at.now);
  const { id: resource, organizationId, label } = holder;
  const detail = { ...label, keys: nameOf(row) };
  await record(tx, person, { action: "variable.delete", resource, organizationId, detail, at: at.now });
}
