import { createVariable } from "../../../src/control/workspaces/kept-variables.ts";
import { createVariableSet } from "../../../src/control/workspaces/variable-sets.ts";
import { toTfeId } from "../../../src/tfe/core/ids.ts";
import { resourceBody } from "../../support/tfe.ts";
import { byId, makeWorkspace, nameFor } from "./made.ts";
import type { TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;
type Of = Parameters<Request>;

const setOf = async ([{ control, admin }, { id }]: Of) => {
  const settings = { name: nameFor("set"), description: "", isGlobal: false, isPriority: false };
  return (await createVariableSet(control, admin, { organization: id, settings, requestId: "" })).set;
};

const region = { key: "region", value: "eu", category: "terraform" } as const;
const variable = { ...region, isHcl: false, isSensitive: false, description: "" };
const newVariable = resourceBody("vars", region);
const change = resourceBody("vars", { value: "us" });

const aboutWorkspace =
  (body?: unknown): Request =>
  async (...of) => ({ ...byId(await makeWorkspace(...of)), body });

const aboutSet =
  (body?: unknown): Request =>
  async (...of) => ({ params: { set: toTfeId((await setOf(of)).id) }, body });

/** A request about a new variable of a new workspace. */
const aboutOwn =
  (body?: unknown): Request =>
  async (tfe, organization) => {
    const workspace = await makeWorkspace(tfe, organization);
    const of = { organization: "", workspace: workspace.id, variableSet: "" };
    const { id } = await createVariable(tfe.control, tfe.admin, { of, variable });
    return { params: { workspace: toTfeId(workspace.id), variable: toTfeId(id) }, body };
  };

/** The same of a new set. */
const aboutShared =
  (body?: unknown): Request =>
  async (tfe, organization) => {
    const set = await setOf([tfe, organization]);
    const of = { organization: "", workspace: "", variableSet: set.id };
    const { id } = await createVariable(tfe.control, tfe.admin, { of, variable });
    return { params: { set: toTfeId(set.id), variable: toTfeId(id) }, body };
  };

/** A request about a new set and a new workspace. */
const attachment: Request = async (tfe, organization) => {
  const { id } = await makeWorkspace(tfe, organization);
  const body = { data: [{ type: "workspaces", id: toTfeId(id) }] };
  return { params: { set: toTfeId((await setOf([tfe, organization])).id) }, body };
};

const ofOlderClients: readonly TfeRow[] = [
  {
    pattern: "GET /vars",
    needs: "read",
    status: 200,
    request: async (tfe, organization) => {
      const { name } = await makeWorkspace(tfe, organization);
      return { query: `?filter[organization][name]=${organization.name}&filter[workspace][name]=${name}` };
    },
  },
  {
    pattern: "POST /vars",
    needs: "operate",
    status: 201,
    request: async (tfe, organization) => {
      const { id } = await makeWorkspace(tfe, organization);
      const workspace = { data: { type: "workspaces", id: toTfeId(id) } };
      return { body: resourceBody("vars", region, { workspace }) };
    },
  },
  { pattern: "GET /vars/:variable", needs: "read", status: 200, request: aboutOwn() },
  { pattern: "PATCH /vars/:variable", needs: "operate", status: 200, request: aboutOwn(change) },
  { pattern: "DELETE /vars/:variable", needs: "operate", status: 204, request: aboutOwn() },
];

const below = (path: string, holder: typeof aboutOwn, own: typeof aboutOwn): readonly TfeRow[] => [
  { pattern: `GET ${path}`, needs: "read", status: 200, request: holder() },
  { pattern: `POST ${path}`, needs: "operate", status: 201, request: holder(newVariable) },
  { pattern: `GET ${path}/:variable`, needs: "read", status: 200, request: own() },
  { pattern: `PATCH ${path}/:variable`, needs: "operate", status: 200, request: own(change) },
  { pattern: `DELETE ${path}/:variable`, needs: "operate", status: 204, request: own() },
];

const ofSets: readonly TfeRow[] = [
  { pattern: "GET /organizations/:organization/varsets", needs: "read", status: 200 },
  {
    pattern: "POST /organizations/:organization/varsets",
    needs: "operate",
    status: 201,
    request: async () => ({ body: resourceBody("varsets", { name: nameFor("set"), global: false }) }),
  },
  { pattern: "GET /workspaces/:workspace/varsets", needs: "read", status: 200, request: aboutWorkspace() },
  { pattern: "GET /varsets/:set", needs: "read", status: 200, request: aboutSet() },
  {
    pattern: "PATCH /varsets/:set",
    needs: "operate",
    status: 200,
    request: aboutSet(resourceBody("varsets", { priority: true })),
  },
  { pattern: "DELETE /varsets/:set", needs: "operate", status: 204, request: aboutSet() },
  { pattern: "POST /varsets/:set/relationships/workspaces", needs: "operate", status: 204, request: attachment },
  { pattern: "DELETE /varsets/:set/relationships/workspaces", needs: "operate", status: 204, request: attachment },
];

export const variableRows: readonly TfeRow[] = [
  ...below("/workspaces/:workspace/vars", aboutWorkspace, aboutOwn),
  ...below("/varsets/:set/relationships/vars", aboutSet, aboutShared),
  { pattern: "GET /workspaces/:workspace/all-vars", needs: "read", status: 200, request: aboutWorkspace() },
  ...ofOlderClients,
  ...ofSets,
];
