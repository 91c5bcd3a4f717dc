import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { etagOf } from "../../control/etags.ts";
import type { Organization } from "../../domain/organization.ts";
import type { Organization as OrganizationMessage, OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import type { UpdatableFields } from "./field-mask.ts";

export const toOrganization = (row: Organization): MessageInitShape<typeof OrganizationSchema> => ({
  id: row.id,
  name: row.name,
  maxAgents: row.maxAgents,
  createTime: timestampFromDate(row.createdAt),
  updateTime: timestampFromDate(row.updatedAt),
  etag: etagOf(row),
});

export const organizationFields: UpdatableFields<OrganizationMessage, Pick<Organization, "name" | "maxAgents">> = {
  name: ({ name }) => ({ name }),
  max_agents: ({ maxAgents }) => ({ maxAgents }),
};
