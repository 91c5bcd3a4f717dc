import type { Principal } from "../../domain/people/principal.ts";
import type { SetVariable } from "../../domain/workspaces/variable.ts";
import type { VariableSet } from "../../domain/workspaces/variable-set.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { VariableId, WorkspaceId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import {
  asPerson,
  demand,
  findOrganization,
  findVariableSet,
  findWorkspace,
  notFound,
  type Reference,
} from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { bytesOf } from "./effective-variables.ts";

/** A variable set with what it has to do with, by ids. */
export interface LinkedSet {
  readonly set: VariableSet;
  readonly organizationName: string;
  /** Those it is attached to, by name. */
  readonly workspaceIds: readonly WorkspaceId[];
  /** By key. */
  readonly variableIds: readonly VariableId[];
}

/** Most ids in one answer about variable sets. */
const maxLinks = 20_000;

async function linkSets(q: Queries, sets: readonly VariableSet[]): Promise<readonly LinkedSet[]> {
  const [first] = sets;
  if (first === undefined) return [];
  const ids = sets.map(({ id }) => id);
  const organizationName = (await q.organizations.get(first.organizationId))?.name ?? "";
  const attached = await q.variableSets.workspaces(ids);
  const variables = await q.setVariables.idsOfSets(ids);
  if (attached.length + variables.length > maxLinks) throw tooMany(sets.length);
  const workspacesOf = Map.groupBy(attached, ({ setId }) => setId);
  const variablesOf = Map.groupBy(variables, ({ setId }) => setId);
  return sets.map((set) => ({
    ...{ set, organizationName },
    workspaceIds: (workspacesOf.get(set.id) ?? []).map(({ workspaceId }) => workspaceId),
    variableIds: (variablesOf.get(set.id) ?? []).map(({ id }) => id),
  }));
}

const tooMany = (sets: number) =>
  new WindlassError(
    "answer_too_large",
    `these ${sets} variable sets have more workspaces or variables together than one answer has room for: ask for fewer sets a page`,
  );

/** The variable set of that id or name. */
export async function getLinkedSet(control: Control, who: Principal, reference: Reference): Promise<LinkedSet> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const set = await findVariableSet(q, person, reference);
    const [linked] = await linkSets(q, [set]);
    if (linked === undefined) throw notFound("variable set", reference.name);
    return linked;
  });
}

/** Most bytes of values in one answer about several sets. */
const maxValueBytes = 8 * 1024 * 1024;

/** The variables of sets that the caller was shown, by set and key; the values of sensitive ones are empty. */
export async function variablesOfSets(
  { store }: Pick<Control, "store">,
  sets: readonly LinkedSet[],
): Promise<readonly SetVariable[]> {
  const found: SetVariable[] = [];
  let bytes = 0;
  for (const { set, variableIds } of sets) {
    if (variableIds.length === 0) continue;
    const { rows } = await store.read((q) => q.setVariables.slice(set.id, { offset: 0, limit: maxLinks }));
    bytes += bytesOf(rows);
    if (bytes > maxValueBytes) throw tooMany(sets.length);
    found.push(...rows);
  }
  return found;
}

export interface SetSearch {
  readonly organization: string;
  /** Id or name: only sets that it gets; empty is all. */
  readonly workspace: string;
  /** A part of the name, in any case; empty is all. */
  readonly search: string;
  readonly slice: Slice;
}

/** A counted part of the variable sets of an organization, by name. */
export async function searchVariableSets(
  control: Control,
  who: Principal,
  { organization, workspace, search, slice }: SetSearch,
): Promise<Sliced<LinkedSet>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const of = workspace === "" ? null : await findWorkspace(q, person, { organization, name: workspace });
    const organizationId = of?.organizationId ?? (await findOrganization(q, person, organization)).id;
    const filter = { organizationId, workspaceId: of?.id ?? null, search };
    const { rows, total } = await q.variableSets.slice(filter, slice);
    return { rows: await linkSets(q, rows), total };
  });
}
