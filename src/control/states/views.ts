import type { Person, Principal } from "../../domain/people/principal.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import { compareNaturally } from "../../lib/text/natural-order.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import type { Control, Hide } from "../core/control.ts";
import { type Page, type PageRequest, pageOfExcerpt, pageSize, placeInExcerpt, withRows } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import type { ListedInstance } from "../documents/questions.ts";
import type { DifferenceRow } from "../documents/state-changes.ts";
import { hideAll, hiderOf } from "../workspaces/former-secrets.ts";
import { findState, openState, type StateReference, stateSource } from "./states.ts";

/** Which instances of a state are wanted. */
export interface ResourceList {
  readonly state: StateReference;
  /** Occurs in the address; empty is all. */
  readonly search: string;
  readonly page: PageRequest;
}

/** The resource instances of a state, by address. The other pages are of the state that the first one was of. */
export async function listStateResources(
  control: Control,
  who: Principal,
  { state: reference, search, page }: ResourceList,
): Promise<Page<ListedInstance>> {
  const person = asPerson(who);
  demand(person, "read");
  const from = placeInExcerpt(page.token);
  const wanted = from === undefined ? reference : { ...reference, id: from.document };
  const { state } = await control.store.read((q) => findState(q, person, wanted));
  const part = { search, after: from?.place ?? null, limit: pageSize(page.size) };
  const source = stateSource(control, state);
  const listed = pageOfExcerpt(
    state.id,
    await control.documents.ask({ kind: "instances", id: state.id, ...part }, source),
  );
  const shown = await withoutSecrets(listed.rows, await hiderOf(control, state));
  // What is hidden is not found either: the search would tell it, letter by letter.
  return withRows(
    listed,
    shown.filter(({ address }) => address.includes(search)),
  );
}

/** A counted part of the resource instances of a workspace's current state, by address; of none without a state. */
export async function searchStateResources(
  control: Control,
  who: Principal,
  { workspace: reference, slice }: { readonly workspace: Reference; readonly slice: Slice },
): Promise<Sliced<ListedInstance> & { readonly state: StateVersion | undefined }> {
  const person = asPerson(who);
  demand(person, "read");
  const state = await control.store.read(async (q) => {
    const { currentStateId } = await findWorkspace(q, person, reference);
    return currentStateId === null ? undefined : q.states.get(currentStateId);
  });
  if (state === undefined) return { rows: [], total: 0, state };
  const part = { search: "", after: slice.offset === 0 ? null : slice.offset - 1, limit: slice.limit };
  const found = await control.documents.ask({ kind: "instances", id: state.id, ...part }, stateSource(control, state));
  return { rows: await withoutSecrets(found.rows, await hiderOf(control, state)), total: found.total, state };
}

/** Keys of instances and ids may hold secrets. */
async function withoutSecrets(instances: readonly ListedInstance[], hide: Hide): Promise<readonly ListedInstance[]> {
  const addresses = await hideAll(
    hide,
    instances.map(({ address }) => address),
  );
  const ids = await hideAll(
    hide,
    instances.map(({ resourceId }) => resourceId),
  );
  return instances
    .map((one, index) => ({ ...one, address: addresses[index] ?? "", resourceId: ids[index] ?? "" }))
    .toSorted((a, b) => compareNaturally(a.address, b.address));
}

/** Which differences are wanted. */
export interface DifferenceList {
  readonly fromId: string;
  /** Empty is the current state. */
  readonly toId: string;
  readonly page: PageRequest;
}

/** How two states of one workspace differ. The other pages are of the states that the first one was of. */
export async function diffStates(
  control: Control,
  who: Principal,
  { fromId, toId, page }: DifferenceList,
): Promise<Page<DifferenceRow>> {
  const person = asPerson(who);
  demand(person, "read");
  const before = placeInExcerpt(page.token);
  const { from, to } = await control.store.read((q) =>
    bothStates(q, person, { fromId, toId: before?.document ?? toId }),
  );
  const part = { after: before?.place ?? null, limit: pageSize(page.size) };
  const found = await control.documents.ask(
    { kind: "difference", ids: [from.id, to.id], ...part },
    {
      of: from.organizationId,
      key: `${from.blobKey} ${to.blobKey}`,
      load: async () => [await openState(control, from), await openState(control, to)],
    },
  );
  const listed = pageOfExcerpt(to.id, found);
  return withRows(listed, await hiddenIn(listed.rows, await hiderOf(control, from)));
}

/** Keys of instances and names of outputs may hold secrets. */
async function hiddenIn(rows: readonly DifferenceRow[], hide: Hide): Promise<readonly DifferenceRow[]> {
  const names = await hideAll(
    hide,
    rows.map(({ name }) => name),
  );
  return rows.map((row, index) => ({ ...row, name: names[index] ?? "" }));
}

interface Both {
  readonly from: StateVersion;
  readonly to: StateVersion;
}

async function bothStates(
  q: Queries,
  person: Person,
  { fromId, toId }: { readonly fromId: string; readonly toId: string },
): Promise<Both> {
  const nowhere = { organization: "", name: "" };
  const { state: from } = await findState(q, person, { id: fromId, workspace: nowhere });
  const workspace = { organization: "", name: from.workspaceId };
  const { state: to } = await findState(q, person, { id: toId, workspace });
  if (to.workspaceId === from.workspaceId) return { from, to };
  throw invalid("to_state_version_id", `${to.id} is a state of another workspace than ${from.id}: compare two of one`);
}
