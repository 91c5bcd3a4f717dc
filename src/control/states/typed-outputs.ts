import { allows, type Principal } from "../../domain/people/principal.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import { asPerson, demand } from "../core/access.ts";
import type { Control, Hide } from "../core/control.ts";
import type { StateSummary } from "../documents/state-summary.ts";
import type { TypedOutput } from "../documents/typed-outputs.ts";
import { hideAll, hiderOf } from "../workspaces/former-secrets.ts";
import { getState, type StateReference, type StateView, stateSource } from "./states.ts";

/** An output as it is shown: the value is null if it is hidden. */
export interface ShownOutput extends Omit<TypedOutput, "valueJson"> {
  readonly valueJson: string | null;
}

/** A state version with what it holds; null if it cannot be looked into. */
export interface SummedState extends StateView {
  readonly summary: StateSummary | null;
}

/** One state version with what it holds, in short. */
export async function getSummedState(control: Control, who: Principal, reference: StateReference): Promise<SummedState> {
  const view = await getState(control, who, reference);
  const { state } = view;
  try {
    const summary = await control.documents.ask({ kind: "state-summary", id: state.id }, stateSource(control, state));
    return { ...view, summary: await withoutSecrets(summary, await hiderOf(control, state)) };
  } catch (error) {
    if (isWindlassError(error, "validation")) return { ...view, summary: null };
    throw error;
  }
}

/** Keys of module instances, and names of outputs, may hold secrets. */
async function withoutSecrets({ resources, outputs }: StateSummary, hide: Hide): Promise<StateSummary> {
  const modules = await hideAll(
    hide,
    resources.map(({ module }) => module),
  );
  const names = await hideAll(
    hide,
    outputs.map(({ name }) => name),
  );
  return {
    resources: resources.map((one, index) => ({ ...one, module: modules[index] ?? "" })),
    outputs: outputs.map((one, index) => ({ ...one, name: names[index] ?? "" })),
  };
}

/** Which outputs of a state are wanted, and how. */
export interface OutputSlice extends Slice {
  readonly state: StateReference;
  /** Shows what is sensitive to those who may read the state itself. */
  readonly isOpen: boolean;
}

/** A counted part of the outputs of a state, by name. */
export async function sliceOutputs(
  control: Control,
  who: Principal,
  { state: reference, isOpen, ...slice }: OutputSlice,
): Promise<Sliced<ShownOutput> & StateView> {
  const person = asPerson(who);
  demand(person, "read");
  const view = await getState(control, who, reference);
  const source = stateSource(control, view.state);
  const question = { kind: "typed-outputs", id: view.state.id, ...slice } as const;
  const { rows, total } = await control.documents.ask(question, source);
  if (isOpen && allows(person, "plan")) return { ...view, rows, total };
  const hide = await hiderOf(control, view.state);
  return { ...view, rows: await Promise.all(rows.map((output) => hidden(output, hide))), total };
}

/** One output by its key, with its value for those who may read the state itself; undefined if there is none. */
export async function getOutput(
  control: Control,
  who: Principal,
  { id, key }: { readonly id: string; readonly key: string },
): Promise<ShownOutput | undefined> {
  const person = asPerson(who);
  demand(person, "read");
  const { state } = await getState(control, who, { id, workspace: { organization: "", name: "" } });
  const question = { kind: "typed-output", id: state.id, key } as const;
  const output = await control.documents.ask(question, stateSource(control, state));
  if (output === null) return undefined;
  return allows(person, "plan") ? output : hidden(output, await hiderOf(control, state));
}

/** An output that holds a secret of the workspace is as one that is marked as sensitive. */
async function hidden({ valueJson, ...output }: TypedOutput, hide: Hide): Promise<ShownOutput> {
  const isSecret = output.isSensitive || (await hide(valueJson)) !== valueJson;
  const name = await hide(output.name);
  return { ...output, name, isSensitive: isSecret, valueJson: isSecret ? null : valueJson };
}
