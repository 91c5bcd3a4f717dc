import { notFound } from "../../control/core/access.ts";
import type { StateReference } from "../../control/states/states.ts";
import { getOutput, sliceOutputs } from "../../control/states/typed-outputs.ts";
import { found, listed, type Resource, type TfeAnswer } from "../core/answers.ts";
import { idParam, param, route, type TfeCall, workspaceParam } from "../core/call.ts";
import { namedIn } from "../core/ids.ts";
import { type PageWish, pageOf, sliceOf } from "../core/pages.ts";
import { toOutput, toWorkspaceOutput } from "../mapping/state-version.ts";

const nowhere = { organization: "", name: "" };

/** No state has more. */
const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER };

/** Every output of a state; values that are sensitive are not shown. */
export async function allOutputs(call: TfeCall, reference: StateReference): Promise<readonly Resource[]> {
  const { rows, state } = await sliceOutputs(call.control, call.who, { state: reference, isOpen: false, ...all });
  return rows.map((output) => toOutput(output, state));
}

/** The same as parts of the workspace whose state it is. */
export async function workspaceOutputs(call: TfeCall, reference: StateReference): Promise<readonly Resource[]> {
  const { rows, state } = await sliceOutputs(call.control, call.who, { state: reference, isOpen: false, ...all });
  return rows.map((output) => toWorkspaceOutput(output, state));
}

/** The outputs of one state version, with the values of sensitive ones for those who may read the state. */
async function list(call: TfeCall): Promise<TfeAnswer> {
  const page = pageOf(call);
  const reference = { id: idParam(call, "state", "sv"), workspace: nowhere };
  const wanted = { state: reference, isOpen: true, ...sliceOf(page) };
  const { rows, total, state } = await sliceOutputs(call.control, call.who, wanted);
  return listed(
    rows.map((output) => toOutput(output, state)),
    { ...page, total },
  );
}

/** Those of the workspace's state: all of them, since the terraform program asks for no page. */
async function listCurrent(call: TfeCall): Promise<TfeAnswer> {
  const isPaged = call.query.has("page[size]") || call.query.has("page[number]");
  const asked = pageOf(call);
  const slice = isPaged ? sliceOf(asked) : all;
  const reference = { id: "", workspace: workspaceParam(call) };
  const { rows, total, state } = await sliceOutputs(call.control, call.who, {
    state: reference,
    isOpen: false,
    ...slice,
  });
  const page: PageWish = isPaged ? asked : { number: 1, size: Math.max(1, total) };
  return listed(
    rows.map((output) => toOutput(output, state)),
    { ...page, total },
  );
}

async function read(call: TfeCall): Promise<TfeAnswer> {
  const named = namedIn("wsout", "sv", param(call, "output"));
  const output = named && (await getOutput(call.control, call.who, { id: named.owner, key: named.name }));
  if (named === undefined || output === undefined)
    throw notFound("output of a state version", param(call, "output").slice(0, 80));
  return found(toOutput(output, { id: named.owner }));
}

export const stateOutputRoutes = [
  route("GET /state-versions/:state/outputs", list),
  route("GET /workspaces/:workspace/current-state-version-outputs", listCurrent),
  route("GET /state-version-outputs/:output", read),
];
