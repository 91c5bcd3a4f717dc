import type { Organization } from "../../../src/domain/people/organization.ts";
import type { Workspace } from "../../../src/domain/workspaces/workspace.ts";
import { toNamedId, toTfeId } from "../../../src/tfe/core/ids.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { byId, makeLocked, makeWorkspace, nameFor } from "./made.ts";
import type { TfeRequest, TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;

/** A request about a new workspace, named by its id. */
const about =
  (body?: unknown): Request =>
  async (tfe, organization) => ({ ...byId(await makeWorkspace(tfe, organization)), body });

const named = (workspaces: readonly Workspace[]) => ({
  data: workspaces.map(({ id }) => ({ type: "workspaces", id: toTfeId(id) })),
});

const tagBody = { data: [{ type: "tags", attributes: { name: "prod" } }] };
const change = resourceBody("workspaces", { description: "changed" });

/** The same routes by id and by name. */
interface Route {
  readonly method: string;
  readonly end: string;
  readonly needs: TfeRow["needs"];
  readonly status: number;
  readonly body?: unknown;
  readonly isLocked?: boolean;
}

const routes: readonly Route[] = [
  { method: "GET", end: "", needs: "read", status: 200 },
  { method: "PATCH", end: "", needs: "operate", status: 200, body: change },
  { method: "DELETE", end: "", needs: "operate", status: 204 },
  { method: "POST", end: "/actions/lock", needs: "operate", status: 200 },
  // Somebody else has it.
  { method: "POST", end: "/actions/unlock", needs: "operate", status: 409, isLocked: true },
  { method: "POST", end: "/actions/force-unlock", needs: "own", status: 200, isLocked: true },
  { method: "POST", end: "/actions/safe-delete", needs: "operate", status: 204 },
];

const make = (tfe: TestTfe, organization: Organization, { isLocked = false }: Route) =>
  isLocked ? makeLocked(tfe, organization, tfe.admin) : makeWorkspace(tfe, organization);

const rowsOf = (one: Route): readonly TfeRow[] => {
  const { method, end, needs, status, body } = one;
  return [
    {
      ...{ pattern: `${method} /workspaces/:workspace${end}`, needs, status },
      request: async (tfe, organization) => ({ ...byId(await make(tfe, organization, one)), body }),
    },
    {
      ...{ pattern: `${method} /organizations/:organization/workspaces/:workspace${end}`, needs, status },
      request: async (tfe, organization): Promise<TfeRequest> => {
        const { name } = await make(tfe, organization, one);
        return { params: { workspace: name }, body };
      },
    },
  ];
};

const consumers = "/workspaces/:workspace/relationships/remote-state-consumers";

const aboutConsumers: Request = async (tfe, organization) => {
  const workspace = await makeWorkspace(tfe, organization);
  return { ...byId(workspace), body: named([await makeWorkspace(tfe, organization)]) };
};

const aboutTag: Request = async (tfe, organization) => {
  const tag = nameFor("tag");
  await makeWorkspace(tfe, organization, { tags: [tag] });
  const body = named([await makeWorkspace(tfe, organization)]);
  return { params: { tag: toNamedId("tag", organization.id, tag) }, body };
};

const aboutTags: Request = async (tfe, organization) => {
  const tag = nameFor("tag");
  await makeWorkspace(tfe, organization, { tags: [tag] });
  return { body: { data: [{ type: "tags", id: toNamedId("tag", organization.id, tag) }] } };
};

export const workspaceRows: readonly TfeRow[] = [
  { pattern: "GET /organizations/:organization/workspaces", needs: "read", status: 200 },
  {
    pattern: "POST /organizations/:organization/workspaces",
    needs: "operate",
    status: 201,
    request: async () => ({ body: resourceBody("workspaces", { name: nameFor("ws") }) }),
  },
  ...routes.flatMap(rowsOf),
  { pattern: `GET ${consumers}`, needs: "read", status: 200, request: about() },
  ...["POST", "PATCH", "DELETE"].map(
    (method): TfeRow => ({
      ...{ pattern: `${method} ${consumers}`, needs: "operate", status: 204 },
      request: aboutConsumers,
    }),
  ),
  { pattern: "GET /workspaces/:workspace/resources", needs: "read", status: 200, request: about() },
  { pattern: "GET /organizations/:organization/tags", needs: "read", status: 200 },
  { pattern: "DELETE /organizations/:organization/tags", needs: "operate", status: 204, request: aboutTags },
  { pattern: "POST /tags/:tag/relationships/workspaces", needs: "operate", status: 204, request: aboutTag },
  { pattern: "GET /workspaces/:workspace/relationships/tags", needs: "read", status: 200, request: about() },
  ...["POST", "DELETE"].map(
    (method): TfeRow => ({
      ...{ pattern: `${method} /workspaces/:workspace/relationships/tags`, needs: "operate", status: 204 },
      request: about(tagBody),
    }),
  ),
  { pattern: "GET /workspaces/:workspace/tag-bindings", needs: "read", status: 200, request: about() },
  { pattern: "GET /workspaces/:workspace/effective-tag-bindings", needs: "read", status: 200, request: about() },
  {
    pattern: "PATCH /workspaces/:workspace/tag-bindings",
    needs: "operate",
    status: 200,
    request: about({ data: [{ type: "tag-bindings", attributes: { key: "team", value: "net" } }] }),
  },
];
