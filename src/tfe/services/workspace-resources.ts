import { searchStateResources } from "../../control/states/views.ts";
import { listed, type TfeAnswer } from "../core/answers.ts";
import { route, type TfeCall, workspaceParam } from "../core/call.ts";
import { pageOf, sliceOf } from "../core/pages.ts";
import { toStateResource } from "../mapping/state-resource.ts";

/** The resources of the current state; without a state none. */
const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const page = pageOf(call);
  const wanted = { workspace: workspaceParam(call), slice: sliceOf(page) };
  const { rows, total, state } = await searchStateResources(call.control, call.who, wanted);
  return listed(
    rows.flatMap((row) => (state === undefined ? [] : [toStateResource(row, state)])),
    { ...page, total },
  );
};

export const workspaceResourceRoutes = [route("GET /workspaces/:workspace/resources", list)];
