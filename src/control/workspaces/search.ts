import { type Principal, sees } from "../../domain/people/principal.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { WorkspaceId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { WorkspaceContents, WorkspaceSearch } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findWorkspace, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { viewWorkspaces, type WorkspaceView } from "./view.ts";

/** A workspace as its readers see it, with what is in it. */
export interface DetailedWorkspace {
  readonly view: WorkspaceView;
  readonly contents: WorkspaceContents;
}

export interface WantedWorkspaces extends Omit<WorkspaceSearch, "organizationId" | "consumersOf"> {
  /** Id or name. */
  readonly organization: string;
  readonly slice: Slice;
}

/** A counted part of the workspaces of an organization. */
export async function searchWorkspaces(
  control: Control,
  who: Principal,
  { organization, slice, ...wanted }: WantedWorkspaces,
): Promise<Sliced<DetailedWorkspace>> {
  const person = asPerson(who);
  demand(person, "read");
  const { id } = await control.store.read((q) => findOrganization(q, person, organization));
  return detailedSlice(control, { ...wanted, organizationId: id }, slice);
}

/** The workspaces that are there among those that may read the outputs of one, by name. */
export async function searchConsumers(
  control: Control,
  who: Principal,
  { reference, slice }: { readonly reference: Reference; readonly slice: Slice },
): Promise<Sliced<DetailedWorkspace>> {
  const person = asPerson(who);
  demand(person, "read");
  const { id, organizationId } = await control.store.read((q) => findWorkspace(q, person, reference));
  return detailedSlice(control, { organizationId, consumersOf: id, order: "name" }, slice);
}

async function detailedSlice(
  { store }: Control,
  wanted: WorkspaceSearch,
  slice: Slice,
): Promise<Sliced<DetailedWorkspace>> {
  const { rows, total } = await store.read((q) => q.workspaces.search(wanted, slice));
  const views = await store.read((q) => viewWorkspaces(q, rows));
  return { rows: await detailWorkspaces({ store }, views), total };
}

/** Reads what is in workspaces that the caller was shown. */
export async function detailWorkspaces(
  { store }: Pick<Control, "store">,
  views: readonly WorkspaceView[],
): Promise<readonly DetailedWorkspace[]> {
  const contents = await store.read((q) => q.workspaces.contents(views.map(({ workspace }) => workspace.id)));
  const found = new Map(contents.map((one) => [one.workspaceId, one]));
  return views.map((view) => ({ view, contents: found.get(view.workspace.id) ?? nothingIn(view.workspace) }));
}

const nothingIn = ({ id }: Pick<Workspace, "id">): WorkspaceContents => ({
  workspaceId: id,
  resources: 0,
  runs: 0,
  configurationId: null,
  variableIds: [],
});

/** The workspaces of these ids in one organization, with what is in them; those that are gone are left out. */
export async function detailedByIds(
  control: Pick<Control, "store">,
  who: Principal,
  ids: readonly WorkspaceId[],
): Promise<readonly DetailedWorkspace[]> {
  const person = asPerson(who);
  demand(person, "read");
  if (ids.length > maxNamed)
    throw new WindlassError(
      "answer_too_large",
      `${ids.length} workspaces are too many for one answer: at most ${maxNamed}`,
    );
  const views = await control.store.read(async (q) => {
    const rows = (await q.workspaces.byIds([...new Set(ids)])).filter((row) => sees(person, row.organizationId));
    return viewWorkspaces(q, rows);
  });
  return detailWorkspaces(control, views);
}

/** The workspaces of these ids that the caller can see, each once; refuses one that is not there. */
export async function namedWorkspaces(
  { store }: Pick<Control, "store">,
  who: Principal,
  ids: readonly string[],
): Promise<readonly Workspace[]> {
  const person = asPerson(who);
  demand(person, "read");
  if (ids.length > maxNamed)
    throw new WindlassError("validation", `expected at most ${maxNamed} workspaces, got ${ids.length}`);
  return store.read(async (q) => {
    const found: Workspace[] = [];
    for (const id of new Set(ids)) found.push(await findWorkspace(q, person, { organization: "", name: id }));
    return found;
  });
}

/** Most workspaces that one call names. */
const maxNamed = 1_000;
