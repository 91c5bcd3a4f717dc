import type { Person, Principal } from "../../domain/people/principal.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findWorkspace, type Reference, visible } from "../core/access.ts";
import { auditRow } from "../core/audit.ts";
import type { Control, Hide } from "../core/control.ts";
import {
  type Page,
  type PageRequest,
  pageOfExcerpt,
  pageSize,
  placeInExcerpt,
  searchByTime,
  withRows,
} from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { loadSealed, readSealed } from "../core/sealed-blobs.ts";
import type { Sources } from "../documents/documents.ts";
import type { StateOutput } from "../documents/state-outputs.ts";
import { hiderOf } from "../workspaces/former-secrets.ts";

/** A state version with the name of its workspace. */
export interface StateView {
  readonly state: StateVersion;
  readonly workspaceName: string;
}

/** Names a state version by its id, or the current one of a workspace. */
export interface StateReference {
  readonly id: string;
  readonly workspace: Reference;
}

export interface StateList {
  readonly workspace: Reference;
  /** Only those kept aside. */
  readonly isQuarantined: boolean;
  readonly page: PageRequest;
}

/** The state versions of a workspace, newest first. */
export async function listStates(
  control: Control,
  who: Principal,
  { workspace: reference, isQuarantined, page }: StateList,
): Promise<Page<StateView>> {
  const person = asPerson(who);
  demand(person, "read");
  const { store } = control;
  const { id, name: workspaceName } = await store.read((q) => findWorkspace(q, person, reference));
  const found = await searchByTime(page, {
    placeAfter: (times) => store.read((q) => q.states.placeAfter(id, times)),
    read: (times) => store.read((q) => q.states.list(id, { isQuarantined }, times)),
    positionOf: (row) => row,
  });
  return withRows(
    found,
    found.rows.map((state) => ({ state, workspaceName })),
  );
}

/** A counted part of the state versions of a workspace, newest first. */
export async function sliceStates(
  control: Control,
  who: Principal,
  { workspace: reference, isQuarantined, ...slice }: Slice & Omit<StateList, "page">,
): Promise<Sliced<StateView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const { id, name: workspaceName } = await findWorkspace(q, person, reference);
    const { rows, total } = await q.states.slice(id, { isQuarantined }, slice);
    return { rows: rows.map((state) => ({ state, workspaceName })), total };
  });
}

/** One state version. */
export async function getState(control: Control, who: Principal, reference: StateReference): Promise<StateView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read((q) => findState(q, person, reference));
}

/** One state version, and the one that the workspace had before it. */
export async function getStateWithPrevious(
  control: Control,
  who: Principal,
  reference: StateReference,
): Promise<StateView & { readonly previousId: StateVersion["id"] | null }> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const view = await findState(q, person, reference);
    const { workspaceId, createdAt: at, id } = view.state;
    const [previous] = await q.states.list(workspaceId, { isQuarantined: false }, { before: { at, id }, limit: 1 });
    return { ...view, previousId: previous?.id ?? null };
  });
}

/** The state version that a reference names, if the person may see it. */
export async function findState(
  q: Queries,
  person: Person,
  { id, workspace: reference }: StateReference,
): Promise<StateView> {
  if (id !== "") {
    const state = visible(person, isId("sv", id) ? await q.states.get(id) : undefined, "state version", id);
    return { state, workspaceName: (await q.workspaces.get(state.workspaceId))?.name ?? "" };
  }
  if (reference.name === "") throw invalid("workspace", "name a workspace, or a state version by its id");
  const workspace = await findWorkspace(q, person, reference);
  const { currentStateId, name } = workspace;
  const state = currentStateId === null ? undefined : await q.states.get(currentStateId);
  if (state !== undefined) return { state, workspaceName: name };
  const message = `workspace "${name}" has no state yet: the first apply makes one`;
  throw new WindlassError("not_found", message, { metadata: { resource: "state version", name, workspace: name } });
}

/** The state as terraform wrote it, in pieces. It may hold secrets: looking alone is not enough, and leaves a record. */
export async function* downloadState(
  control: Control,
  who: Principal,
  reference: StateReference,
): AsyncGenerator<Uint8Array, void> {
  const person = asPerson(who);
  demand(person, "plan");
  const { state } = await getState(control, who, reference);
  await recordDownload(control, person, state);
  yield* readSealed(control, state.blobKey, stateSubject(state.id));
}

const hourMs = 60 * 60_000;

/** One record for all downloads of a state by one person within an hour: terraform reads it with every command. */
async function recordDownload(
  { store, clock }: Control,
  person: Person,
  { id: resource, organizationId }: StateVersion,
): Promise<void> {
  const action = "state.download";
  const at = clock.now();
  const id = `${action}/${resource}/${person.id}/${Math.floor(at.getTime() / hourMs)}`;
  if ((await store.read((q) => q.audit.get(id))) !== undefined) return;
  await store.write((tx) => tx.audit.put({ id, ...auditRow(person, { at, action, resource, organizationId }) }), id);
}

/** What the sealed bytes of a state are bound to. */
export const stateSubject = (id: StateVersion["id"]): string => `state/${id}`;

/** A state in clear, whole, in memory that threads share. */
export const openState = (
  control: Pick<Control, "blobs" | "vault">,
  { id, blobKey, bytes }: Pick<StateVersion, "id" | "blobKey" | "bytes">,
): Promise<Uint8Array> => loadSealed(control, { key: blobKey, subject: stateSubject(id), maxBytes: bytes });

/** A stored state, for questions about it. */
export const stateSource = (control: Control, state: StateVersion): Sources => ({
  of: state.organizationId,
  key: state.blobKey,
  load: async () => [await openState(control, state)],
});

/** Which outputs of a state are wanted. */
export interface OutputList {
  readonly state: StateReference;
  readonly page: PageRequest;
}

/** The outputs of a state, by name. The other pages are of the state that the first one was of. */
export async function getOutputs(
  control: Control,
  who: Principal,
  { state: reference, page }: OutputList,
): Promise<Page<StateOutput>> {
  const from = placeInExcerpt(page.token);
  const { state } = await getState(control, who, from === undefined ? reference : { ...reference, id: from.document });
  const part = { after: from?.place ?? null, limit: pageSize(page.size) };
  const outputs = await control.documents.ask({ kind: "outputs", id: state.id, ...part }, stateSource(control, state));
  const hide = await hiderOf(control, state);
  const listed = pageOfExcerpt(state.id, outputs);
  return withRows(listed, await Promise.all(listed.rows.map((output) => withoutSecrets(output, hide))));
}

/** An output that holds a secret of the workspace is as one that is marked as sensitive. */
async function withoutSecrets({ name, valueJson, valueBytes }: StateOutput, hide: Hide): Promise<StateOutput> {
  const isSecret = valueJson === null || (await hide(valueJson)) !== valueJson;
  return { name: await hide(name), ...(isSecret ? { valueJson: null, valueBytes: 0 } : { valueJson, valueBytes }) };
}
