import { notFound } from "../../../control/core/access.ts";
import { allEffectiveVariables } from "../../../control/workspaces/effective-variables.ts";
import {
  changeVariable,
  createVariable,
  getVariable,
  removeVariable,
  searchVariables,
  workspaceOfVariable,
} from "../../../control/workspaces/kept-variables.ts";
import type { HolderReference } from "../../../control/workspaces/variable-holder.ts";
import { maxVariables } from "../../../control/workspaces/variables.ts";
import { getWorkspace } from "../../../control/workspaces/workspaces.ts";
import { created, done, found, listed, type TfeAnswer } from "../../core/answers.ts";
import { readResource } from "../../core/body.ts";
import { idParam, idsIn, route, type TfeCall, workspaceParam } from "../../core/call.ts";
import { type PageWish, pageIn, pageOf, sliceOf } from "../../core/pages.ts";
import {
  fromNewVariable,
  fromVariable,
  newVariableShape,
  placedVariableShape,
  toVariable,
  type VariableOwner,
  variableShape,
} from "../../mapping/variable.ts";

/** Whose variables a route is about: the path, or what the request says, tells the id. */
type OwnerOf = (call: TfeCall) => VariableOwner | Promise<VariableOwner>;

const ofPath = {
  workspace: (call: TfeCall): VariableOwner => ({ kind: "workspace", id: workspaceParam(call).name }),
  set: (call: TfeCall): VariableOwner => ({ kind: "set", id: idParam(call, "set", "vset") }),
};

const holderOf = ({ kind, id }: VariableOwner): HolderReference => ({
  organization: "",
  workspace: kind === "workspace" ? id : "",
  variableSet: kind === "set" ? id : "",
});

const variableParam = (call: TfeCall) => idParam(call, "variable", "var");

/** Clients that ask for no page read the variables of a workspace or a set in one go: they never knew pages. */
const wholePage: PageWish = { number: 1, size: maxVariables };
const isPaged = ({ query }: TfeCall): boolean => query.has("page[number]") || query.has("page[size]");

const listOf = (ownerOf: OwnerOf) => async (call: TfeCall) => {
  const page = isPaged(call) ? pageOf(call) : wholePage;
  const owner = await ownerOf(call);
  const wanted = { of: holderOf(owner), slice: sliceOf(page) };
  const { rows, total } = await searchVariables(call.control, call.who, wanted);
  return listed(
    rows.map((row) => toVariable(row, owner)),
    { ...page, total },
  );
};

const createIn = (ownerOf: OwnerOf) => async (call: TfeCall) => {
  const owner = await ownerOf(call);
  const variable = fromNewVariable((await readResource(call, newVariableShape)).attributes);
  return created(toVariable(await createVariable(call.control, call.who, { of: holderOf(owner), variable }), owner));
};

const readIn = (ownerOf: OwnerOf) => async (call: TfeCall) => {
  const owner = await ownerOf(call);
  const reference = { of: holderOf(owner), id: variableParam(call) };
  return found(toVariable(await getVariable(call.control, call.who, reference), owner));
};

const updateIn = (ownerOf: OwnerOf) => async (call: TfeCall) => {
  const owner = await ownerOf(call);
  const id = variableParam(call);
  const changes = fromVariable((await readResource(call, variableShape)).attributes);
  const wanted = { of: holderOf(owner), id, changes };
  return found(toVariable(await changeVariable(call.control, call.who, wanted), owner));
};

const removeIn = (ownerOf: OwnerOf) => async (call: TfeCall) => {
  await removeVariable(call.control, call.who, { of: holderOf(await ownerOf(call)), id: variableParam(call) });
  return done;
};

/** What runs of a workspace get, those of its sets among them. */
const listEffective = async (call: TfeCall): Promise<TfeAnswer> => {
  const workspace = workspaceParam(call);
  const all = await allEffectiveVariables(call.control, call.who, workspace);
  const wish = isPaged(call) ? pageOf(call) : { number: 1, size: Math.max(all.length, 1) };
  const { rows, page } = pageIn(all, wish);
  const documents = rows.map(({ variable, set }) =>
    toVariable(variable, set === null ? { kind: "workspace", id: workspace.name } : { kind: "set", id: set.id }),
  );
  return listed(documents, page);
};

/** The workspace of the variable in the path, for routes that do not name it. */
const ofVariable = async (call: TfeCall): Promise<VariableOwner> => ({
  kind: "workspace",
  id: await workspaceOfVariable(call.control, call.who, variableParam(call)),
});

/** The workspace that a list is filtered by: both of its names are needed. */
const ofFilter = async ({ control, who, query }: TfeCall): Promise<VariableOwner> => {
  const organization = query.get("filter[organization][name]")?.trim() ?? "";
  const name = query.get("filter[workspace][name]")?.trim() ?? "";
  if (organization === "" || name === "") throw notFound("workspace", name);
  return { kind: "workspace", id: (await getWorkspace(control, who, { organization, name })).workspace.id };
};

/** The body says whose it is to be. */
const createPlaced = async (call: TfeCall): Promise<TfeAnswer> => {
  const { attributes, relationships } = await readResource(call, placedVariableShape);
  const { data } = relationships.workspace;
  const [id] = idsIn("ws", "workspace", data === null ? [] : [data]);
  if (id === undefined) throw notFound("workspace", "");
  const owner = { kind: "workspace", id } as const;
  const wanted = { of: holderOf(owner), variable: fromNewVariable(attributes) };
  return created(toVariable(await createVariable(call.control, call.who, wanted), owner));
};

const below = (path: string, ownerOf: OwnerOf) => [
  route(`GET ${path}`, listOf(ownerOf)),
  route(`POST ${path}`, createIn(ownerOf)),
  route(`GET ${path}/:variable`, readIn(ownerOf)),
  route(`PATCH ${path}/:variable`, updateIn(ownerOf)),
  route(`DELETE ${path}/:variable`, removeIn(ownerOf)),
];

export const variableRoutes = [
  ...below("/workspaces/:workspace/vars", ofPath.workspace),
  ...below("/varsets/:set/relationships/vars", ofPath.set),
  route("GET /workspaces/:workspace/all-vars", listEffective),
  route("GET /vars", listOf(ofFilter)),
  route("POST /vars", createPlaced),
  route("GET /vars/:variable", readIn(ofVariable)),
  route("PATCH /vars/:variable", updateIn(ofVariable)),
  route("DELETE /vars/:variable", removeIn(ofVariable)),
];
