import type { Person, Principal } from "../../domain/people/principal.ts";
import type { VariableSet } from "../../domain/workspaces/variable-set.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId, type WorkspaceId } from "../../lib/words/ids.ts";
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
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { nameCursor } from "../core/cursor.ts";
import { demandEtag } from "../core/etags.ts";
import { demandFreeName, shortList } from "../core/names.ts";
import { type Page, type PageRequest, pageByKey, viewed } from "../core/pages.ts";
import { demandText } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { formerOf, keepFormer, secretsIn } from "./former-secrets.ts";
import { checkAllKept, type WantedVariable } from "./variable-checks.ts";
import { setHolder } from "./variable-holder.ts";
import { writeVariables } from "./variables.ts";

/** What a caller may say of a variable set. */
export type VariableSetSettings = Pick<VariableSet, "name" | "description" | "isGlobal" | "isPriority">;

/** A variable set as its readers see it. */
export interface VariableSetView {
  readonly set: VariableSet;
  readonly organizationName: string;
  /** Names of the workspaces it is attached to, sorted. */
  readonly workspaces: readonly string[];
  readonly variableCount: number;
}

async function viewSets(q: Queries, sets: readonly VariableSet[]): Promise<readonly VariableSetView[]> {
  const [first] = sets;
  if (first === undefined) return [];
  const ids = sets.map(({ id }) => id);
  const organizationName = (await q.organizations.get(first.organizationId))?.name ?? "";
  const attached = Map.groupBy(await q.variableSets.workspaces(ids), ({ setId }) => setId);
  const sizes = new Map((await q.variableSets.sizes(ids)).map(({ setId, count }) => [setId, count]));
  return sets.map((set) => ({
    set,
    organizationName,
    workspaces: (attached.get(set.id) ?? []).map(({ name }) => name),
    variableCount: sizes.get(set.id) ?? 0,
  }));
}

async function viewSet(q: Queries, set: VariableSet): Promise<VariableSetView> {
  const [view] = await viewSets(q, [set]);
  if (view === undefined) throw notFound("variable set", set.id);
  return view;
}

export interface NewVariableSet {
  readonly organization: string;
  readonly settings: VariableSetSettings;
  /** Ids or names of those it is attached to. */
  readonly workspaces?: readonly string[] | undefined;
  readonly variables?: readonly WantedVariable[] | undefined;
  readonly requestId: string;
}

/** Creates a variable set. */
export async function createVariableSet(
  control: Control,
  who: Principal,
  { organization, settings, workspaces = [], variables = [], requestId }: NewVariableSet,
): Promise<VariableSetView> {
  const person = asPerson(who);
  checkAllKept("variables", variables);
  return change(control, async (tx, at) => {
    const { id: organizationId } = await findOrganization(tx, person, organization);
    demand(person, "operate");
    const create = async (): Promise<VariableSet> => {
      await demandFreeName(settings.name, {
        ...{ resource: "variable set", field: "variable_set.name" },
        find: (name) => tx.variableSets.byNameInAnyCase(organizationId, name),
      });
      const times = { createdAt: at.now, updatedAt: at.now };
      const row: VariableSet = { id: newId("vset", control.random), organizationId, ...settings, ...times, version: 1 };
      demandText("variable_set.description", settings.description, maxDescriptionLength);
      await tx.variableSets.insert(row);
      await recordSet(tx, person, { set: row, action: "variable_set.create", at: at.now });
      if (workspaces.length > 0) await attach(tx, row, await idsOf(tx, person, row, workspaces));
      if (variables.length > 0)
        await writeVariables(control, tx, at, { person, holder: setHolder(tx, row), variables });
      return row;
    };
    const body = {
      organizationId,
      ...settings,
      ...(workspaces.length + variables.length > 0 && { workspaces, variables }),
    };
    const request = { person, requestId, method: "CreateVariableSet", body, at: at.now };
    return viewSet(
      tx,
      await once(tx, request, create, async (id) => (isId("vset", id) ? tx.variableSets.get(id) : undefined)),
    );
  });
}

/** The variable set of that id or name. */
export async function getVariableSet(control: Control, who: Principal, reference: Reference): Promise<VariableSetView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewSet(q, await findVariableSet(q, person, reference)));
}

export interface VariableSetList {
  readonly organization: string;
  /** Id or name: only sets that it gets; empty is all. */
  readonly workspace: string;
  readonly page: PageRequest;
}

/** The variable sets of an organization, by name. */
export async function listVariableSets(
  control: Control,
  who: Principal,
  { organization, workspace, page }: VariableSetList,
): Promise<Page<VariableSetView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const of = workspace === "" ? null : await findWorkspace(q, person, { organization, name: workspace });
    const organizationId = of?.organizationId ?? (await findOrganization(q, person, organization)).id;
    const sets = await pageByKey(page, {
      cursor: nameCursor,
      read: (keys) => q.variableSets.list({ organizationId, workspaceId: of?.id ?? null }, keys),
      keyOf: ({ name }) => name,
    });
    return viewed(sets, (rows) => viewSets(q, rows));
  });
}

export interface VariableSetUpdate {
  readonly reference: Reference;
  readonly changes: Partial<VariableSetSettings> & {
    /** All that it is attached to from now on: ids or names. */
    readonly workspaces?: readonly string[] | undefined;
  };
  readonly etag: string;
}

/** Changes a variable set. */
export async function updateVariableSet(
  control: Control,
  who: Principal,
  { reference, changes: { workspaces, ...changes }, etag }: VariableSetUpdate,
): Promise<VariableSetView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const set = await findVariableSet(tx, person, reference);
    demand(person, "operate");
    demandEtag(set, etag, `variable set "${set.name}"`);
    const { name = set.name } = changes;
    if (name !== set.name) {
      await demandFreeName(name, {
        ...{ resource: "variable set", field: "changes.name", self: set.id },
        find: (wanted) => tx.variableSets.byNameInAnyCase(set.organizationId, wanted),
      });
    }
    demandText("changes.description", changes.description ?? "", maxDescriptionLength);
    const next = await touch(tx, at, { ...set, ...changes });
    await recordSet(tx, person, { set: next, action: "variable_set.update", at: at.now });
    if (workspaces !== undefined) await replaceAttachments(control, tx, at, { person, set: next, workspaces });
    return viewSet(tx, next);
  });
}

/** Deletes a variable set with its variables. */
export async function deleteVariableSet(control: Control, who: Principal, reference: Reference): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const set = await findVariableSet(tx, person, reference);
    demand(person, "operate");
    const attached = await tx.variableSets.workspaces([set.id]);
    const ids = attached.map(({ workspaceId }) => workspaceId);
    await keepTaken(control, tx, set, ids, at.now);
    await tx.variableSets.delete(set.id);
    const workspaces = attached.map(({ name }) => name);
    await recordSet(tx, person, { set, action: "variable_set.delete", workspaces, at: at.now });
  });
}

export interface AttachmentChange {
  readonly reference: Reference;
  /** Ids or names. */
  readonly workspaces: readonly string[];
}

const maxDescriptionLength = 1_024;

/** Gives a variable set to workspaces, all or none. Those that have it stay. */
export const attachVariableSet = (control: Control, who: Principal, wanted: AttachmentChange) =>
  changeAttachments(control, who, { ...wanted, action: "variable_set.attach" });

/** Takes a variable set from workspaces, all or none. */
export const detachVariableSet = (control: Control, who: Principal, wanted: AttachmentChange) =>
  changeAttachments(control, who, { ...wanted, action: "variable_set.detach" });

type AttachmentAction = "variable_set.attach" | "variable_set.detach";

async function changeAttachments(
  control: Control,
  who: Principal,
  { reference, workspaces, action }: AttachmentChange & { readonly action: AttachmentAction },
): Promise<VariableSetView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const set = await findVariableSet(tx, person, reference);
    demand(person, "operate");
    const ids = await idsOf(tx, person, set, workspaces);
    await (action === "variable_set.attach" ? attach(tx, set, ids) : detach(control, tx, at, { set, ids }));
    const next = await touch(tx, at, set);
    await recordSet(tx, person, { set: next, action, workspaces, at: at.now });
    return viewSet(tx, next);
  });
}

async function idsOf(
  tx: Queries,
  person: Person,
  { organizationId }: VariableSet,
  names: readonly string[],
): Promise<readonly WorkspaceId[]> {
  const ids = new Set<WorkspaceId>();
  for (const name of names) {
    const workspace = await findWorkspace(tx, person, { organization: organizationId, name });
    if (workspace.organizationId !== organizationId) throw notFound("workspace", name);
    ids.add(workspace.id);
  }
  return [...ids];
}

async function attach(tx: Queries, set: VariableSet, ids: readonly WorkspaceId[]): Promise<void> {
  await demandPlaces(tx, set, ids);
  await tx.variableSets.attach(set.id, ids);
}

interface Detachment {
  readonly set: VariableSet;
  readonly ids: readonly WorkspaceId[];
}

async function detach(control: Control, tx: Queries, at: Change, { set, ids }: Detachment): Promise<void> {
  await keepTaken(control, tx, set, ids, at.now);
  await tx.variableSets.detach(set.id, ids);
}

interface NewAttachments {
  readonly person: Person;
  readonly set: VariableSet;
  readonly workspaces: readonly string[];
}

async function replaceAttachments(
  control: Control,
  tx: Queries,
  at: Change,
  { person, set, workspaces }: NewAttachments,
): Promise<void> {
  const wanted = new Set(await idsOf(tx, person, set, workspaces));
  const known = await tx.variableSets.workspaces([set.id]);
  const taken = known.filter(({ workspaceId }) => !wanted.has(workspaceId));
  for (const { workspaceId } of known) wanted.delete(workspaceId);
  await detach(control, tx, at, { set, ids: taken.map(({ workspaceId }) => workspaceId) });
  await attach(tx, set, [...wanted]);
  for (const [action, names] of [
    ["variable_set.detach", taken.map(({ name }) => name)] as const,
    ["variable_set.attach", (await tx.workspaces.byIds([...wanted])).map(({ name }) => name)] as const,
  ]) {
    if (names.length > 0) await recordSet(tx, person, { set, action, workspaces: names, at: at.now });
  }
}

/** Every answer about a set names all of its workspaces. */
const maxAttached = 5_000;

async function demandPlaces(tx: Queries, set: VariableSet, ids: readonly WorkspaceId[]): Promise<void> {
  const present = await tx.variableSets.workspaces([set.id]);
  if (present.length + ids.length <= maxAttached) return;
  const known = new Set(present.map(({ workspaceId }) => workspaceId));
  const size = known.size + new Set(ids.filter((id) => !known.has(id))).size;
  if (size <= maxAttached) return;
  const message = `variable set "${set.name}" would be attached to ${size} workspaces, and ${maxAttached} are possible: make it global, or make another set`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxAttached) } });
}

/** The secrets of a set still stand in the states of the workspaces that it is taken from. */
async function keepTaken(
  control: Control,
  tx: Queries,
  set: VariableSet,
  workspaceIds: readonly WorkspaceId[],
  at: Date,
): Promise<void> {
  const present = secretsIn(control, await tx.setVariables.ofSets([set.id]), set);
  const secrets = [...present, ...(await formerOf(control, tx, { kind: "set", id: set.id }))];
  for (const id of workspaceIds) await keepFormer(control, tx, { holder: { kind: "workspace", id }, secrets, at });
}

async function touch(tx: Queries, at: Change, set: VariableSet): Promise<VariableSet> {
  const next: VariableSet = { ...set, updatedAt: at.now, version: set.version + 1 };
  await tx.variableSets.save(next);
  return next;
}

interface SetDeed {
  readonly set: VariableSet;
  readonly action: string;
  readonly workspaces?: readonly string[] | undefined;
  readonly at: Date;
}

async function recordSet(tx: Queries, person: Person, { set, action, workspaces, at }: SetDeed): Promise<void> {
  const { id: resource, organizationId, name, isGlobal } = set;
  const named = workspaces === undefined ? {} : { workspaces: shortList(workspaces, 100) };
  const detail = { name, global: String(isGlobal), ...named };
  await record(tx, person, { action, resource, organizationId, detail, at });
}
