import type { Person, Principal } from "../domain/principal.ts";
import { type StateDifference, type StateInstance, stateDifference } from "../domain/state-difference.ts";
import type { StateVersion } from "../domain/state-version.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand } from "./access.ts";
import type { Control } from "./control.ts";
import { invalid } from "./invalid.ts";
import { type Page, type PageRequest, pageByKey } from "./pages.ts";
import { stateContents } from "./state-contents.ts";
import { findState, openState, type StateReference } from "./states.ts";

/** Which instances of a state are wanted. */
export interface ResourceList {
  readonly state: StateReference;
  /** Occurs in the address; empty is all. */
  readonly search: string;
  readonly page: PageRequest;
}

/** The resource instances of a state, by address. */
export async function listStateResources(
  control: Control,
  who: Principal,
  { state: reference, search, page }: ResourceList,
): Promise<Page<StateInstance>> {
  const person = asPerson(who);
  demand(person, "read");
  const { state } = await control.store.read((q) => findState(q, person, reference));
  const { instances } = stateContents(await openState(control, state), state);
  const found = instances.filter(({ address }) => address.includes(search));
  const pageOf = ({ after, limit }: { readonly after: string | null; readonly limit: number }) =>
    found.filter(({ address }) => after === null || address > after).slice(0, limit);
  return pageByKey(
    page,
    async (position) => pageOf(position),
    ({ address }) => address,
  );
}

/** How two states of one workspace differ; without a second one, from the first to the current one. */
export async function diffStates(
  control: Control,
  who: Principal,
  { fromId, toId }: { readonly fromId: string; readonly toId: string },
): Promise<StateDifference> {
  const person = asPerson(who);
  demand(person, "read");
  const { from, to } = await control.store.read((q) => bothStates(q, person, { fromId, toId }));
  const [before, after] = [await openState(control, from), await openState(control, to)];
  return stateDifference(stateContents(before, from), stateContents(after, to));
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
