import type { Person, Principal } from "../domain/principal.ts";
import type { StateVersion } from "../domain/state-version.ts";
import { WindlassError } from "../lib/errors.ts";
import { isId } from "../lib/ids.ts";
import { blobPieceBytes } from "../store/blob-store.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findWorkspace, type Reference, visible } from "./access.ts";
import type { Control } from "./control.ts";
import { invalid } from "./invalid.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "./pages.ts";
import { stateDocument } from "./state-contents.ts";

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
  return control.store.read(async (q) => {
    const workspace = await findWorkspace(q, person, reference);
    const found = await pageByTime(
      page,
      (times) => q.states.list(workspace.id, { isQuarantined }, times),
      (row) => row,
    );
    return withRows(
      found,
      found.rows.map((state) => ({ state, workspaceName: workspace.name })),
    );
  });
}

/** One state version. */
export async function getState(control: Control, who: Principal, reference: StateReference): Promise<StateView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read((q) => findState(q, person, reference));
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
  throw new WindlassError("not_found", message, { metadata: { resource: "state version", name } });
}

/** The state as terraform wrote it, in pieces of at most 1 MiB. It may hold secrets: looking alone is not enough. */
export async function* downloadState(
  control: Control,
  who: Principal,
  reference: StateReference,
): AsyncGenerator<Uint8Array, void> {
  demand(asPerson(who), "plan");
  const { state } = await getState(control, who, reference);
  const bytes = await openState(control, state);
  for (let start = 0; start < bytes.length; start += blobPieceBytes)
    yield bytes.subarray(start, start + blobPieceBytes);
}

/** What the sealed bytes of a state are bound to. */
export const stateSubject = (id: StateVersion["id"]): string => `state/${id}`;

/** A state in clear. */
export async function openState({ blobs, vault }: Control, { id, blobKey }: StateVersion): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of blobs.get(blobKey)) pieces.push(piece);
  return vault.open(Buffer.concat(pieces), stateSubject(id));
}

/** One output of a state; the value is null if it is sensitive, else JSON text. */
export interface StateOutput {
  readonly name: string;
  readonly valueJson: string | null;
}

/** The outputs of a state, by name. */
export async function getOutputs(
  control: Control,
  who: Principal,
  reference: StateReference,
): Promise<readonly StateOutput[]> {
  const { state } = await getState(control, who, reference);
  return outputsIn(await openState(control, state), state);
}

function outputsIn(bytes: Uint8Array, version: StateVersion): readonly StateOutput[] {
  const document = stateDocument(bytes, version);
  const outputs = isRecord(document) && isRecord(document.outputs) ? document.outputs : {};
  return Object.entries(outputs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, output]) => ({ name, valueJson: shownValue(output) }));
}

/** Whatever is not plainly marked as harmless counts as sensitive. */
function shownValue(output: unknown): string | null {
  if (!isRecord(output) || (output.sensitive !== undefined && output.sensitive !== false)) return null;
  return JSON.stringify(output.value ?? null);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
