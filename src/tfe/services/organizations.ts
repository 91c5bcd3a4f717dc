import { deleteOrganization } from "../../control/people/organization-deletion.ts";
import {
  createOrganization,
  getOrganization,
  type OrganizationView,
  searchOrganizations,
  updateOrganization,
} from "../../control/people/organizations.ts";
import { created, done, found, listed, type TfeAnswer } from "../core/answers.ts";
import { readResource } from "../core/body.ts";
import { param, route, type TfeCall } from "../core/call.ts";
import { includesOf, pageOf, sliceOf } from "../core/pages.ts";
import {
  fromNewOrganization,
  fromOrganization,
  organizationShape,
  toEntitlements,
  toOrganization,
  toProject,
} from "../mapping/organization.ts";

/** The organization of the path. */
export const organizationOf = (call: TfeCall): Promise<OrganizationView> =>
  getOrganization(call.control, call.who, param(call, "organization"));

const listAll = async (call: TfeCall): Promise<TfeAnswer> => {
  const page = pageOf(call);
  const search = call.query.get("q")?.trim() ?? "";
  const { rows, total } = await searchOrganizations(call.control, call.who, { search, slice: sliceOf(page) });
  return listed(
    rows.map((row) => toOrganization(row, call.who)),
    { ...page, total },
  );
};

const create = async (call: TfeCall): Promise<TfeAnswer> => {
  const wanted = fromNewOrganization(await readResource(call, organizationShape));
  return created(toOrganization(await createOrganization(call.control, call.who, wanted), call.who));
};

const read = async (call: TfeCall): Promise<TfeAnswer> => {
  const includes = includesOf(call, ["default_project"]);
  const row = await organizationOf(call);
  const included = includes.has("default_project") ? [toProject(row)] : undefined;
  return found(toOrganization(row, call.who), { included });
};

const update = async (call: TfeCall): Promise<TfeAnswer> => {
  const changes = fromOrganization(await readResource(call, organizationShape));
  const wanted = { organization: param(call, "organization"), changes, etag: "" };
  return found(toOrganization(await updateOrganization(call.control, call.who, wanted), call.who));
};

const remove = async (call: TfeCall): Promise<TfeAnswer> => {
  await deleteOrganization(call.control, call.who, { organization: param(call, "organization"), isForced: true });
  return done;
};

const readEntitlements = async (call: TfeCall): Promise<TfeAnswer> => found(toEntitlements(await organizationOf(call)));

export const organizationRoutes = [
  route("GET /organizations", listAll),
  route("POST /organizations", create),
  route("GET /organizations/:organization", read),
  route("PATCH /organizations/:organization", update),
  route("DELETE /organizations/:organization", remove),
  route("GET /organizations/:organization/entitlement-set", readEntitlements),
];
