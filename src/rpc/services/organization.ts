import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { deleteOrganization } from "../../control/people/organization-deletion.ts";
import {
  createOrganization,
  getOrganization,
  listOrganizations,
  updateOrganization,
} from "../../control/people/organizations.ts";
import { OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import type { OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromMask } from "../mapping/field-mask.ts";
import { fromNewOrganization, organizationFields, toOrganization } from "../mapping/organization.ts";
import { fromPage, toPage } from "../mapping/page.ts";

/** Manages organizations. */
export const organizationService = (control: Control): ServiceImpl<typeof OrganizationService> => ({
  createOrganization: async (request, context) => ({
    organization: toOrganization(await createOrganization(control, callerOf(context), fromNewOrganization(request))),
  }),
  getOrganization: async ({ organization }, context) => ({
    organization: toOrganization(await getOrganization(control, callerOf(context), organization)),
  }),
  listOrganizations: async (request, context) => {
    const page = await listOrganizations(control, callerOf(context), fromPage(request));
    const { messages: organizations, nextPageToken } = toPage(page, OrganizationSchema, toOrganization);
    return { organizations, nextPageToken };
  },
  updateOrganization: async ({ organization, changes, updateMask, etag }, context) => {
    const update = { organization, changes: fromMask(updateMask, changes, organizationFields), etag };
    return { organization: toOrganization(await updateOrganization(control, callerOf(context), update)) };
  },
  deleteOrganization: async ({ organization, force: isForced }, context) => {
    await deleteOrganization(control, callerOf(context), { organization, isForced });
    return {};
  },
});
