import type { DescMethod } from "@bufbuild/protobuf";
import type { Principal } from "../../domain/people/principal.ts";
import { ExternalScaler } from "../../gen/externalscaler/externalscaler_pb.ts";
import { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { ApiKeyService } from "../../gen/windlass/v1/api_key_service_pb.ts";
import { AuditService } from "../../gen/windlass/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../gen/windlass/v1/configuration_service_pb.ts";
import { EventService } from "../../gen/windlass/v1/event_service_pb.ts";
import { OrganizationService } from "../../gen/windlass/v1/organization_service_pb.ts";
import { ProviderSettingsService } from "../../gen/windlass/v1/provider_settings_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { UploadService } from "../../gen/windlass/v1/upload_service_pb.ts";
import { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import { VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { keysOf } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";

type Kind = Principal["kind"];

/** Who may call a method at all: anybody without a credential, or holders of these kinds. */
export type Admission = "anybody" | ReadonlySet<Kind>;

const kindNames: Readonly<Record<Kind, string>> = {
  api_key: "an API key (wdl_usr_…)",
  agent_token: "an agent token (wdl_agt_…)",
  server_agent: "the server agent's token",
  agent_session: "an agent's session token (wdl_ses_…)",
  job: "a job token (wdl_job_…)",
};

const people: Admission = new Set(["api_key"]);
const everyKind: Admission = new Set(keysOf(kindNames));

/** One row for each method or, where all its methods are alike, for each service. What has no row is refused. */
const admitted: ReadonlyMap<string, Admission> = new Map<string, Admission>([
  ["grpc.health.v1.Health", "anybody"],
  // Its credential is part of the request: KEDA sends no header.
  [ExternalScaler.typeName, "anybody"],
  ["grpc.reflection.v1.ServerReflection", "anybody"],
  ["grpc.reflection.v1alpha.ServerReflection", "anybody"],
  [nameOf(SystemService.method.getServerInfo), "anybody"],
  [nameOf(SystemService.method.whoAmI), everyKind],
  [nameOf(SystemService.method.streamProbe), everyKind],
  [nameOf(SystemService.method.probe), everyKind],
  [nameOf(SystemService.method.findIds), people],
  [nameOf(SystemService.method.getStats), people],
  [nameOf(SystemService.method.getAttention), people],
  [nameOf(SystemService.method.listReplicas), people],
  [OrganizationService.typeName, people],
  [AgentPoolService.typeName, people],
  [ProviderSettingsService.typeName, people],
  [AgentTokenService.typeName, people],
  [AgentService.typeName, people],
  [EventService.typeName, people],
  [WorkspaceService.typeName, people],
  [VariableService.typeName, people],
  [VariableSetService.typeName, people],
  [ApiKeyService.typeName, people],
  [AuditService.typeName, people],
  [ConfigurationService.typeName, people],
  [EventService.typeName, people],
  [RunService.typeName, people],
  [StateService.typeName, people],
  [UploadService.typeName, people],
  [nameOf(AgentGatewayService.method.register), new Set<Kind>(["agent_token", "server_agent"])],
  [nameOf(AgentGatewayService.method.session), new Set<Kind>(["agent_session"])],
  [nameOf(AgentGatewayService.method.getAgentManifest), new Set<Kind>(["agent_session"])],
  [nameOf(AgentGatewayService.method.downloadAgentRelease), new Set<Kind>(["agent_session"])],
  [JobArtifactService.typeName, new Set<Kind>(["job"])],
]);

/** `windlass.v1.RunService/GetRun`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** Who may call a method. Throws if nobody has decided that. */
export function admissionOf(method: DescMethod): Admission {
  const admission = admitted.get(nameOf(method)) ?? admitted.get(method.parent.typeName);
  if (admission === undefined) throw new WindlassError("internal", `no rule says who may call ${nameOf(method)}`);
  return admission;
}

/** Refuses a credential of a kind that has no business with the method. */
export function demandAdmission(method: DescMethod, admission: ReadonlySet<Kind>, { kind }: Principal): void {
  if (admission.has(kind)) return;
  const wanted = [...admission].map((each) => kindNames[each]).join(" or ");
  throw new WindlassError("permission_denied", `${method.name} needs ${wanted}, not ${kindNames[kind]}`, {
    metadata: { action: method.name },
  });
}
