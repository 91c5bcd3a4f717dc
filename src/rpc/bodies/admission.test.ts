import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { managementServices } from "../routes.ts";
import { admissionOf, demandAdmission, nameOf } from "./admission.ts";

const services: readonly DescService[] = [
  Health,
  ServerReflection,
  ServerReflectionAlpha,
  ...managementServices,
  RunService,
  AgentGatewayService,
  JobArtifactService,
];

const shown = (method: DescMethod) => {
  const admission = admissionOf(method);
  return `${nameOf(method)}: ${admission === "anybody" ? admission : [...admission].join(", ")}`;
};

test("who may call what at all", () => {
  expect(services.flatMap((service) => service.methods.map(shown)).join("\n")).toMatchInlineSnapshot(`
    "grpc.health.v1.Health/Check: anybody
    grpc.health.v1.Health/Watch: anybody
    grpc.health.v1.Health/List: anybody
    grpc.reflection.v1.ServerReflection/ServerReflectionInfo: anybody
    grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo: anybody
    windlass.v1.SystemService/GetServerInfo: anybody
    windlass.v1.SystemService/WhoAmI: api_key, agent_token, server_agent, agent_session, job
    windlass.v1.SystemService/StreamProbe: api_key, agent_token, server_agent, agent_session, job
    windlass.v1.SystemService/Probe: api_key, agent_token, server_agent, agent_session, job
    windlass.v1.SystemService/FindIds: api_key
    windlass.v1.SystemService/GetStats: api_key
    windlass.v1.SystemService/ListReplicas: api_key
    windlass.v1.SystemService/GetAttention: api_key
    windlass.v1.ApiKeyService/CreateApiKey: api_key
    windlass.v1.ApiKeyService/GetApiKey: api_key
    windlass.v1.ApiKeyService/ListApiKeys: api_key
    windlass.v1.ApiKeyService/RotateApiKey: api_key
    windlass.v1.ApiKeyService/RevokeApiKey: api_key
    windlass.v1.ApiKeyService/ListBrowserSessions: api_key
    windlass.v1.ApiKeyService/EndBrowserSession: api_key
    windlass.v1.AuditService/ListAuditEvents: api_key
    windlass.v1.AuditService/ExportAuditEvents: api_key
    windlass.v1.OrganizationService/CreateOrganization: api_key
    windlass.v1.OrganizationService/GetOrganization: api_key
    windlass.v1.OrganizationService/ListOrganizations: api_key
    windlass.v1.OrganizationService/UpdateOrganization: api_key
    windlass.v1.OrganizationService/DeleteOrganization: api_key
    windlass.v1.AgentPoolService/CreateAgentPool: api_key
    windlass.v1.AgentPoolService/GetAgentPool: api_key
    windlass.v1.AgentPoolService/ListAgentPools: api_key
    windlass.v1.AgentPoolService/UpdateAgentPool: api_key
    windlass.v1.AgentPoolService/DeleteAgentPool: api_key
    windlass.v1.AgentPoolService/GrantWorkspaces: api_key
    windlass.v1.AgentPoolService/RevokeWorkspaces: api_key
    windlass.v1.AgentPoolService/GetAgentPoolOverview: api_key
    windlass.v1.AgentPoolService/ListQueuedJobs: api_key
    windlass.v1.AgentPoolService/GetAgentPoolHistory: api_key
    windlass.v1.AgentPoolService/AssignWorkspaces: api_key
    windlass.v1.AgentPoolService/UnassignWorkspaces: api_key
    windlass.v1.ProviderSettingsService/GetProviderSettings: api_key
    windlass.v1.ProviderSettingsService/UpdateProviderSettings: api_key
    windlass.v1.ProviderSettingsService/DeleteProviderSettings: api_key
    windlass.v1.AgentTokenService/CreateAgentToken: api_key
    windlass.v1.AgentTokenService/ListAgentTokens: api_key
    windlass.v1.AgentTokenService/RevokeAgentToken: api_key
    windlass.v1.AgentTokenService/RotateAgentToken: api_key
    windlass.v1.AgentTokenService/CreateIdentityTrust: api_key
    windlass.v1.AgentService/GetAgent: api_key
    windlass.v1.AgentService/ListAgents: api_key
    windlass.v1.AgentService/PauseAgent: api_key
    windlass.v1.AgentService/ResumeAgent: api_key
    windlass.v1.AgentService/DrainAgent: api_key
    windlass.v1.AgentService/DeleteAgent: api_key
    windlass.v1.AgentService/RemoveKeptDirectories: api_key
    windlass.v1.AgentService/WatchAgents: api_key
    windlass.v1.AgentService/ListAgentEvents: api_key
    windlass.v1.AgentService/ListAgentJobs: api_key
    windlass.v1.EventService/WatchEvents: api_key
    windlass.v1.WorkspaceService/CreateWorkspace: api_key
    windlass.v1.WorkspaceService/GetWorkspace: api_key
    windlass.v1.WorkspaceService/ListWorkspaces: api_key
    windlass.v1.WorkspaceService/UpdateWorkspace: api_key
    windlass.v1.WorkspaceService/DeleteWorkspace: api_key
    windlass.v1.WorkspaceService/LockWorkspace: api_key
    windlass.v1.WorkspaceService/UnlockWorkspace: api_key
    windlass.v1.VariableService/ListVariables: api_key
    windlass.v1.VariableService/SetVariables: api_key
    windlass.v1.VariableService/DeleteVariable: api_key
    windlass.v1.VariableService/ListEffectiveVariables: api_key
    windlass.v1.VariableSetService/CreateVariableSet: api_key
    windlass.v1.VariableSetService/GetVariableSet: api_key
    windlass.v1.VariableSetService/ListVariableSets: api_key
    windlass.v1.VariableSetService/UpdateVariableSet: api_key
    windlass.v1.VariableSetService/DeleteVariableSet: api_key
    windlass.v1.VariableSetService/AttachVariableSet: api_key
    windlass.v1.VariableSetService/DetachVariableSet: api_key
    windlass.v1.ConfigurationService/UploadConfiguration: api_key
    windlass.v1.ConfigurationService/GetConfiguration: api_key
    windlass.v1.ConfigurationService/ListConfigurations: api_key
    windlass.v1.ConfigurationService/DownloadConfiguration: api_key
    windlass.v1.StateService/ListStateVersions: api_key
    windlass.v1.StateService/GetStateVersion: api_key
    windlass.v1.StateService/DownloadState: api_key
    windlass.v1.StateService/AdoptState: api_key
    windlass.v1.StateService/DropState: api_key
    windlass.v1.StateService/GetOutputs: api_key
    windlass.v1.StateService/UploadState: api_key
    windlass.v1.StateService/DiffStates: api_key
    windlass.v1.StateService/RollbackState: api_key
    windlass.v1.StateService/ListStateResources: api_key
    windlass.v1.UploadService/UploadPart: api_key
    windlass.v1.RunService/CreateRun: api_key
    windlass.v1.RunService/CheckRun: api_key
    windlass.v1.RunService/GetRun: api_key
    windlass.v1.RunService/ListRuns: api_key
    windlass.v1.RunService/ConfirmRun: api_key
    windlass.v1.RunService/DiscardRun: api_key
    windlass.v1.RunService/CancelRun: api_key
    windlass.v1.RunService/ForceExecuteRun: api_key
    windlass.v1.RunService/ResolveRun: api_key
    windlass.v1.RunService/WatchRun: api_key
    windlass.v1.RunService/StreamRunLogs: api_key
    windlass.v1.RunService/SearchRunLogs: api_key
    windlass.v1.RunService/GetRunLogLines: api_key
    windlass.v1.RunService/RetryRun: api_key
    windlass.v1.RunService/GetRunPlan: api_key
    windlass.v1.RunService/ListLostResources: api_key
    windlass.v1.RunService/ListRunEvents: api_key
    windlass.v1.RunService/CommentRun: api_key
    windlass.v1.RunService/SetRunPriority: api_key
    windlass.agent.v1.AgentGatewayService/Register: agent_token, server_agent
    windlass.agent.v1.AgentGatewayService/Session: agent_session
    windlass.agent.v1.AgentGatewayService/GetAgentManifest: agent_session
    windlass.agent.v1.AgentGatewayService/DownloadAgentRelease: agent_session
    windlass.agent.v1.JobArtifactService/GetVariables: job
    windlass.agent.v1.JobArtifactService/GetProviders: job
    windlass.agent.v1.JobArtifactService/DownloadConfiguration: job
    windlass.agent.v1.JobArtifactService/DownloadPlan: job
    windlass.agent.v1.JobArtifactService/DownloadPlanFiles: job
    windlass.agent.v1.JobArtifactService/UploadPlan: job
    windlass.agent.v1.JobArtifactService/UploadPart: job
    windlass.agent.v1.JobArtifactService/DownloadState: job
    windlass.agent.v1.JobArtifactService/UploadState: job
    windlass.agent.v1.JobArtifactService/ListSharedStates: job"
  `);
});

test("a method that nobody decided about is refused", () => {
  const method = {
    ...RunService.method.getRun,
    parent: { typeName: "windlass.v1.NewService" },
  } as unknown as DescMethod;
  expect(() => admissionOf(method)).toThrow("no rule says who may call windlass.v1.NewService/GetRun");
});

test("the refusal names both kinds", () => {
  const admission = admissionOf(RunService.method.getRun);
  if (admission === "anybody") throw new Error("GetRun needs a credential");
  expect(() => demandAdmission(RunService.method.getRun, admission, { kind: "server_agent" })).toThrow(
    "GetRun needs an API key (wdl_usr_…), not the server agent's token",
  );
});
