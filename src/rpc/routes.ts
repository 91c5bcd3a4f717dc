import type { DescService } from "@bufbuild/protobuf";
import type { Control } from "../control/core/control.ts";
import { AgentPoolService } from "../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../gen/windlass/v1/agent_token_service_pb.ts";
import { ApiKeyService } from "../gen/windlass/v1/api_key_service_pb.ts";
import { AuditService } from "../gen/windlass/v1/audit_service_pb.ts";
import { ConfigurationService } from "../gen/windlass/v1/configuration_service_pb.ts";
import { EventService } from "../gen/windlass/v1/event_service_pb.ts";
import { OrganizationService } from "../gen/windlass/v1/organization_service_pb.ts";
import { ProviderSettingsService } from "../gen/windlass/v1/provider_settings_service_pb.ts";
import { StateService } from "../gen/windlass/v1/state_service_pb.ts";
import { SystemService } from "../gen/windlass/v1/system_service_pb.ts";
import { UploadService } from "../gen/windlass/v1/upload_service_pb.ts";
import { VariableService } from "../gen/windlass/v1/variable_service_pb.ts";
import { VariableSetService } from "../gen/windlass/v1/variable_set_service_pb.ts";
import { WorkspaceService } from "../gen/windlass/v1/workspace_service_pb.ts";
import { neverCompress } from "./adapter.ts";
import type { Routes } from "./calls/options.ts";
import { agentService } from "./services/agent.ts";
import { agentPoolService } from "./services/agent-pool.ts";
import { agentTokenService } from "./services/agent-token.ts";
import { apiKeyService } from "./services/api-key.ts";
import { auditService } from "./services/audit.ts";
import { configurationService } from "./services/configuration.ts";
import { eventService } from "./services/event.ts";
import { organizationService } from "./services/organization.ts";
import { providerSettingsService } from "./services/provider-settings.ts";
import { stateService } from "./services/state.ts";
import { systemService } from "./services/system.ts";
import { uploadService } from "./services/upload.ts";
import { variableService } from "./services/variable.ts";
import { variableSetService } from "./services/variable-set.ts";
import { workspaceService } from "./services/workspace.ts";

/** The services that `serviceRoutes` registers itself. */
export const managementServices: readonly DescService[] = [
  SystemService,
  ApiKeyService,
  AuditService,
  OrganizationService,
  AgentPoolService,
  ProviderSettingsService,
  AgentTokenService,
  AgentService,
  EventService,
  WorkspaceService,
  VariableService,
  VariableSetService,
  ConfigurationService,
  StateService,
  UploadService,
];

/** Registers every service: those that manage, and with `extra` those of runs and agents. */
export const serviceRoutes =
  (control: Control, extra: Routes = () => {}): Routes =>
  (router) => {
    router
      .service(SystemService, systemService(control))
      .service(ApiKeyService, apiKeyService(control))
      .service(AuditService, auditService(control))
      .service(OrganizationService, organizationService(control))
      .service(AgentPoolService, agentPoolService(control))
      .service(ProviderSettingsService, providerSettingsService(control))
      .service(AgentTokenService, agentTokenService(control))
      .service(AgentService, agentService(control))
      .service(EventService, eventService(control))
      .service(WorkspaceService, workspaceService(control))
      .service(VariableService, variableService(control))
      .service(VariableSetService, variableSetService(control))
      .service(ConfigurationService, configurationService(control), neverCompress)
      .service(StateService, stateService(control))
      .service(UploadService, uploadService(control));
    extra(router);
  };
