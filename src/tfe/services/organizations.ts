import { getOrganization } from "../../control/people/organizations.ts";
import { found, type TfeAnswer } from "../core/answers.ts";
import { param, route, type TfeCall } from "../core/call.ts";
import { toEntitlements, toOrganization } from "../mapping/organization.ts";

const readOrganization = async (call: TfeCall): Promise<TfeAnswer> =>
  found(toOrganization(await getOrganization(call.control, call.who, param(call, "organization")), call.who));

const readEntitlements = async (call: TfeCall): Promise<TfeAnswer> =>
  found(toEntitlements(await getOrganization(call.control, call.who, param(call, "organization"))));

export const organizationRoutes = [
  route("GET /organizations/:organization", readOrganization),
  route("GET /organizations/:organization/entitlement-set", readEntitlements),
];
