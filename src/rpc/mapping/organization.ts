import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { etagOf } from "../../control/core/etags.ts";
import type { NewOrganization, OrganizationSettings, OrganizationView } from "../../control/people/organizations.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Organization as OrganizationMessage, OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import type { CreateOrganizationRequest } from "../../gen/windlass/v1/organization_service_pb.ts";
import type { UpdatableFields } from "./field-mask.ts";
import { engines, fromEngine, fromMode, modes } from "./workspace.ts";

export const toOrganization = (row: OrganizationView): MessageInitShape<typeof OrganizationSchema> => ({
  id: row.id,
  name: row.name,
  maxAgents: row.maxAgents,
  createTime: timestampFromDate(row.createdAt),
  updateTime: timestampFromDate(row.updatedAt),
  etag: etagOf(row),
  defaultExecutionMode: modes[row.defaultExecutionMode],
  defaultEngine: engines[row.defaultEngine],
  defaultEngineVersion: row.defaultEngineVersion,
  maxWorkspaces: row.maxWorkspaces,
  connectedAgents: row.connectedAgents,
  defaultAgentPool: row.defaultPoolName,
  email: row.email,
  protectsState: !row.allowsForceDelete,
});

export const organizationFields: UpdatableFields<
  OrganizationMessage,
  Pick<Organization, "name"> & OrganizationSettings
> = {
  name: ({ name }) => ({ name }),
  max_agents: ({ maxAgents }) => ({ maxAgents }),
  max_workspaces: ({ maxWorkspaces }) => ({ maxWorkspaces }),
  default_execution_mode: ({ defaultExecutionMode: mode }) => ({
    defaultExecutionMode: fromMode(mode),
  }),
  default_agent_pool: ({ defaultAgentPool }) => ({ defaultPool: defaultAgentPool }),
  email: ({ email }) => ({ email }),
  protects_state: ({ protectsState }) => ({ allowsForceDelete: !protectsState }),
  default_engine: ({ defaultEngine }) => ({ defaultEngine: fromEngine(defaultEngine) }),
  default_engine_version: ({ defaultEngineVersion }) => ({ defaultEngineVersion }),
};

export const fromNewOrganization = (request: CreateOrganizationRequest): NewOrganization => ({
  name: request.name,
  requestId: request.requestId,
  maxAgents: request.maxAgents,
  maxWorkspaces: request.maxWorkspaces,
  defaultExecutionMode: fromMode(request.defaultExecutionMode),
  defaultEngine: fromEngine(request.defaultEngine),
  defaultEngineVersion: request.defaultEngineVersion,
  email: request.email,
  allowsForceDelete: !request.protectsState,
});
