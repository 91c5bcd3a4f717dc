import type { Reference } from "../../../control/core/access.ts";
import { invalid } from "../../../control/core/refusals.ts";
import {
  getLinkedSet,
  type LinkedSet,
  searchVariableSets,
  variablesOfSets,
} from "../../../control/workspaces/set-links.ts";
import {
  attachVariableSet,
  createVariableSet,
  deleteVariableSet,
  detachVariableSet,
  updateVariableSet,
} from "../../../control/workspaces/variable-sets.ts";
import { created, done, found, listed, type Resource, type TfeAnswer } from "../../core/answers.ts";
import { readNames, readResource, refuseUnknown } from "../../core/body.ts";
import { idParam, idsIn, param, route, type TfeCall, workspaceParam } from "../../core/call.ts";
import { includesOf, pageOf, sliceOf } from "../../core/pages.ts";
import { fromNewVariable, toVariable } from "../../mapping/variable.ts";
import { fromVariableSet, newVariableSetShape, toVariableSet, variableSetShape } from "../../mapping/variable-set.ts";
import { organizationOf } from "../organizations.ts";
import { workspacesByIds } from "../workspace-includes.ts";

const setParam = (call: TfeCall): Reference => ({ organization: "", name: idParam(call, "set", "vset") });

/** What clients may want with sets; projects and stacks there are none. */
const includesIn = (call: TfeCall) => includesOf(call, ["workspaces", "vars", "projects", "stacks"]);

async function included(
  call: TfeCall,
  wanted: ReturnType<typeof includesIn>,
  sets: readonly LinkedSet[],
): Promise<readonly Resource[] | undefined> {
  if (wanted.size === 0) return undefined;
  const ids = wanted.has("workspaces") ? sets.flatMap(({ workspaceIds }) => workspaceIds) : [];
  const variables = wanted.has("vars") ? await variablesOfSets(call.control, sets) : [];
  const documents = variables.map((row) => toVariable(row, { kind: "set", id: row.setId }));
  return [...(await workspacesByIds(call, ids)), ...documents];
}

const listOf =
  (scopeOf: (call: TfeCall) => { readonly organization: string; readonly workspace: string }) =>
  async (call: TfeCall): Promise<TfeAnswer> => {
    const [page, wanted] = [pageOf(call), includesIn(call)];
    const search = call.query.get("q")?.trim() ?? "";
    const asked = { ...scopeOf(call), search, slice: sliceOf(page) };
    const { rows, total } = await searchVariableSets(call.control, call.who, asked);
    return listed(rows.map(toVariableSet), { ...page, total }, { included: await included(call, wanted, rows) });
  };

const create = async (call: TfeCall): Promise<TfeAnswer> => {
  const { attributes, relationships } = await readResource(call, newVariableSetShape);
  const organization = await organizationOf(call);
  refuseUnknown(relationships, ["projects", "stacks"]);
  refuseParent(relationships.parent?.data, organization.name);
  const settings = { name: "", description: "", isGlobal: false, isPriority: false, ...fromVariableSet(attributes) };
  const { set } = await createVariableSet(call.control, call.who, {
    ...{ organization: organization.id, settings, requestId: "" },
    workspaces: idsIn("ws", "workspace", relationships.workspaces?.data ?? []),
    variables: (relationships.vars?.data ?? []).map((one) => fromNewVariable(one.attributes)),
  });
  return created(toVariableSet(await linked(call, set.id)));
};

/** Every set is the organization's own. */
function refuseParent(
  parent: { readonly type: string; readonly id: string } | null | undefined,
  organization: string,
): void {
  if (parent === undefined || parent === null) return;
  if (parent.type === "organizations" && parent.id === organization) return;
  throw invalid("/data/relationships/parent", `expected the organization, ${organization}: sets belong to no project`);
}

const linked = (call: TfeCall, id: string): Promise<LinkedSet> =>
  getLinkedSet(call.control, call.who, { organization: "", name: id });

const read = async (call: TfeCall): Promise<TfeAnswer> => {
  const wanted = includesIn(call);
  const set = await getLinkedSet(call.control, call.who, setParam(call));
  return found(toVariableSet(set), { included: await included(call, wanted, [set]) });
};

const update = async (call: TfeCall): Promise<TfeAnswer> => {
  const [reference, wanted] = [setParam(call), includesIn(call)];
  const { attributes, relationships } = await readResource(call, variableSetShape);
  const known = await getLinkedSet(call.control, call.who, reference);
  refuseUnknown(relationships, ["projects", "stacks"]);
  refuseParent(relationships.parent?.data, known.organizationName);
  const named = relationships.workspaces?.data;
  const workspaces = named === undefined ? {} : { workspaces: idsIn("ws", "workspace", named) };
  const changes = { ...fromVariableSet(attributes), ...workspaces };
  await updateVariableSet(call.control, call.who, { reference, changes, etag: "" });
  const set = await linked(call, reference.name);
  return found(toVariableSet(set), { included: await included(call, wanted, [set]) });
};

const remove = async (call: TfeCall): Promise<TfeAnswer> => {
  await deleteVariableSet(call.control, call.who, setParam(call));
  return done;
};

const changeWorkspaces = (change: typeof attachVariableSet) => async (call: TfeCall) => {
  const reference = setParam(call);
  const workspaces = idsIn("ws", "workspace", await readNames(call));
  await change(call.control, call.who, { reference, workspaces });
  return done;
};

export const variableSetRoutes = [
  route(
    "GET /organizations/:organization/varsets",
    listOf((call) => ({ organization: param(call, "organization"), workspace: "" })),
  ),
  route("POST /organizations/:organization/varsets", create),
  route(
    "GET /workspaces/:workspace/varsets",
    listOf((call) => ({ organization: "", workspace: workspaceParam(call).name })),
  ),
  route("GET /varsets/:set", read),
  route("PATCH /varsets/:set", update),
  route("DELETE /varsets/:set", remove),
  route("POST /varsets/:set/relationships/workspaces", changeWorkspaces(attachVariableSet)),
  route("DELETE /varsets/:set/relationships/workspaces", changeWorkspaces(detachVariableSet)),
];
