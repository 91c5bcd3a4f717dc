import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { etagOf } from "../../control/core/etags.ts";
import { invalid } from "../../control/core/refusals.ts";
import type { NewOrganization, OrganizationSettings, OrganizationView } from "../../control/people/organizations.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Organization as OrganizationMessage, OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import type { CreateOrganizationRequest } from "../../gen/windlass/v1/organization_service_pb.ts";
import type { ExecutionMode as Mode } from "../../gen/windlass/v1/workspace_pb.ts";
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
});

/** No pool goes with a default, so agents cannot be it. */
function fromDefaultMode(field: string, wanted: Mode): Organization["defaultExecutionMode"] {
  const mode = fromMode(wanted);
  if (mode !== "agent") return mode;
  throw invalid(
    field,
    "expected remote or local: a workspace in execution mode agent needs a pool, which no default can name",
  );
}

export const organizationFields: UpdatableFields<
  OrganizationMessage,
  Pick<Organization, "name"> & OrganizationSettings
> = {
  name: ({ name }) => ({ name }),
  max_agents: ({ maxAgents }) => ({ maxAgents }),
  max_workspaces: ({ maxWorkspaces }) => ({ maxWorkspaces }),
  default_execution_mode: ({ defaultExecutionMode: mode }) => ({
    defaultExecutionMode: fromDefaultMode("changes.default_execution_mode", mode),
  }),
  default_engine: ({ defaultEngine }) => ({ defaultEngine: fromEngine(defaultEngine) }),
  default_engine_version: ({ defaultEngineVersion }) => ({ defaultEngineVersion }),
};

export const fromNewOrganization = (request: CreateOrganizationRequest): NewOrganization => ({
  name: request.name,
  requestId: request.requestId,
  maxAgents: request.maxAgents,
  maxWorkspaces: request.maxWorkspaces,
  defaultExecutionMode: fromDefaultMode("default_execution_mode", request.defaultExecutionMode),
  defaultEngine: fromEngine(request.defaultEngine),
  defaultEngineVersion: request.defaultEngineVersion,
});
