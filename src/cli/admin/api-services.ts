import type { DescService } from "@bufbuild/protobuf";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { ApiKeyService } from "../../gen/windlass/v1/api_key_service_pb.ts";
import { AuditService } from "../../gen/windlass/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../gen/windlass/v1/configuration_service_pb.ts";
import { OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { ProviderSettingsService } from "../../gen/windlass/v1/provider_settings_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import { VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";

/** Every service that people and CI call. */
export const apiServices: readonly DescService[] = [
  SystemService,
  OrganizationService,
  AgentPoolService,
  ProviderSettingsService,
  AgentTokenService,
  AgentService,
  WorkspaceService,
  VariableService,
  VariableSetService,
  ConfigurationService,
  RunService,
  StateService,
  ApiKeyService,
  AuditService,
];
