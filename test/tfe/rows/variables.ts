import type { Organization } from "../../../src/domain/people/organization.ts";
import { toTfeId } from "../../../src/tfe/core/ids.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { madeBy } from "./calls.ts";
import { byId, makeWorkspace, nameFor } from "./made.ts";
import type { TfeRequest, TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;

const variable = () => resourceBody("vars", { key: nameFor("key"), value: "v", category: "terraform" });
const change = resourceBody("vars", { value: "w" });

const makeSet = (tfe: TestTfe, { name }: Organization) =>
  madeBy(tfe, `/organizations/${name}/varsets`, resourceBody("varsets", { name: nameFor("set"), global: false }));

const ofWorkspace: Request = async (tfe, organization) => ({
  ...byId(await makeWorkspace(tfe, organization)),
  body: variable(),
});

/** A variable of a new workspace, with that. */
async function inWorkspace(tfe: TestTfe, organization: Organization): Promise<TfeRequest> {
  const { params } = byId(await makeWorkspace(tfe, organization));
  const made = await madeBy(tfe, `/workspaces/${params.workspace}/vars`, variable());
  return { params: { ...params, variable: made }, body: change };
}

const ofSet =
  (body?: unknown): Request =>
  async (tfe, organization) => ({ params: { set: await makeSet(tfe, organization) }, body: body ?? variable() });

const inSet: Request = async (tfe, organization) => {
  const set = await makeSet(tfe, organization);
  const made = await madeBy(tfe, `/varsets/${set}/relationships/vars`, variable());
  return { params: { set, variable: made }, body: change };
};

const attached: Request = async (tfe, organization) => {
  const { id } = await makeWorkspace(tfe, organization);
  const body = { data: [{ type: "workspaces", id: toTfeId(id) }] };
  return { params: { set: await makeSet(tfe, organization) }, body };
};

const asked: Request = async (tfe, organization) => {
  const { name } = await makeWorkspace(tfe, organization);
  return { query: `?filter[organization][name]=${organization.name}&filter[workspace][name]=${name}` };
};

const related: Request = async (tfe, organization) => {
  const data = { type: "workspaces", id: toTfeId((await makeWorkspace(tfe, organization)).id) };
  const attributes = { key: nameFor("key"), value: "v", category: "terraform" };
  return { body: resourceBody("vars", attributes, { workspace: { data } }) };
};

/** A list, what is added to it, and three things that are done with one of it. */
const listOf = (path: string, request: Request): readonly TfeRow[] => [
  { pattern: `GET ${path}`, needs: "read", status: 200, request },
  { pattern: `POST ${path}`, needs: "operate", status: 201, request },
];
const oneOf = (path: string, request: Request): readonly TfeRow[] => [
  { pattern: `GET ${path}`, needs: "read", status: 200, request },
  { pattern: `PATCH ${path}`, needs: "operate", status: 200, request },
  { pattern: `DELETE ${path}`, needs: "operate", status: 204, request },
];

export const variableRows: readonly TfeRow[] = [
  ...listOf("/workspaces/:workspace/vars", ofWorkspace),
  ...oneOf("/workspaces/:workspace/vars/:variable", inWorkspace),
  ...listOf("/varsets/:set/relationships/vars", ofSet()),
  ...oneOf("/varsets/:set/relationships/vars/:variable", inSet),
  { pattern: "GET /workspaces/:workspace/all-vars", needs: "read", status: 200, request: ofWorkspace },
  { pattern: "GET /vars", needs: "read", status: 200, request: asked },
  { pattern: "POST /vars", needs: "operate", status: 201, request: related },
  ...oneOf("/vars/:variable", inWorkspace),
  { pattern: "GET /organizations/:organization/varsets", needs: "read", status: 200 },
  {
    ...{ pattern: "POST /organizations/:organization/varsets", needs: "operate", status: 201 },
    request: async () => ({ body: resourceBody("varsets", { name: nameFor("set"), global: false }) }),
  },
  { pattern: "GET /workspaces/:workspace/varsets", needs: "read", status: 200, request: ofWorkspace },
  ...oneOf("/varsets/:set", ofSet(resourceBody("varsets", { description: "changed" }))),
  { pattern: "POST /varsets/:set/relationships/workspaces", needs: "operate", status: 204, request: attached },
  { pattern: "DELETE /varsets/:set/relationships/workspaces", needs: "operate", status: 204, request: attached },
];
