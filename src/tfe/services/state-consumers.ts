import { notFound } from "../../control/core/access.ts";
import { namedWorkspaces, searchConsumers } from "../../control/workspaces/search.ts";
import { getWorkspace, updateWorkspace } from "../../control/workspaces/workspaces.ts";
import { done, listed, type TfeAnswer } from "../core/answers.ts";
import { readNames } from "../core/body.ts";
import { route, type TfeCall, workspaceParam } from "../core/call.ts";
import { fromTfeId } from "../core/ids.ts";
import { pageOf, sliceOf } from "../core/pages.ts";
import { toWorkspace } from "../mapping/workspace.ts";

const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const page = pageOf(call);
  const wanted = { reference: workspaceParam(call), slice: sliceOf(page) };
  const { rows, total } = await searchConsumers(call.control, call.who, wanted);
  return listed(
    rows.map((row) => toWorkspace(row, call.who)),
    { ...page, total },
  );
};

const changeBy =
  (change: (present: readonly string[], said: readonly string[]) => readonly string[]) =>
  async (call: TfeCall): Promise<TfeAnswer> => {
    const reference = workspaceParam(call);
    const names = await saidNames(call);
    const changes = ({ consumers }: { readonly consumers: readonly string[] }) => ({
      consumers: change(consumers, names),
    });
    await updateWorkspace(call.control, call.who, { reference, changes, etag: "" });
    return done;
  };

/** The names of the workspaces that the request names by their ids: of the same organization as the one of the path. */
async function saidNames(call: TfeCall): Promise<readonly string[]> {
  const said = (await readNames(call)).map(({ id }) => fromTfeId(id));
  const { workspace } = await getWorkspace(call.control, call.who, workspaceParam(call));
  return (await namedWorkspaces(call.control, call.who, said)).map(({ name, id, organizationId }) => {
    if (organizationId !== workspace.organizationId) throw notFound("workspace", id);
    return name;
  });
}

const path = "/workspaces/:workspace/relationships/remote-state-consumers";

export const consumerRoutes = [
  route(`GET ${path}`, list),
  route(
    `POST ${path}`,
    changeBy((present, said) => [...present, ...said]),
  ),
  route(
    `DELETE ${path}`,
    changeBy((present, said) => present.filter((name) => !said.includes(name))),
  ),
  route(
    `PATCH ${path}`,
    changeBy((_present, said) => said),
  ),
];
