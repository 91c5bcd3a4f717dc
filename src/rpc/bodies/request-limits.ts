import type { DescMethod } from "@bufbuild/protobuf";
import { allows, type Permission, type Principal } from "../../domain/people/principal.ts";
import { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { ProviderSettingsService } from "../../gen/windlass/v1/provider_settings_service_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { UploadService } from "../../gen/windlass/v1/upload_service_pb.ts";
import { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import { VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { nameOf } from "./admission.ts";

const kib = 1024;
const mib = 1024 * kib;

/** What one message of a request may be. Both are looked at before it is decoded. */
export interface RequestLimits {
  readonly maxBytes: number;
  /** Fields, items of lists and entries of maps, whatever they hold. */
  readonly maxValues: number;
}

interface Allowance extends RequestLimits {
  /** What a person's role must allow to send more than others may. */
  readonly needs: Permission;
}

/** A request that is one message, of most methods. */
export const smallRequest: RequestLimits = { maxBytes: 64 * kib, maxValues: 2_000 };

/** 512 KiB of an object, and what says which. */
const part: Allowance = { maxBytes: 576 * kib, maxValues: 100, needs: "plan" };
const names: Allowance = { maxBytes: mib, maxValues: 5_000, needs: "operate" };

/** Methods whose requests may be larger: those with long lists or values, and agents that speak for many labels. */
const larger: ReadonlyMap<string, Allowance> = new Map([
  [nameOf(VariableService.method.setVariables), { maxBytes: 4 * mib, maxValues: 10_000, needs: "operate" }],
  [nameOf(RunService.method.createRun), { maxBytes: 2 * mib, maxValues: 5_000, needs: "plan" }],
  [nameOf(RunService.method.checkRun), { maxBytes: 2 * mib, maxValues: 5_000, needs: "plan" }],
  [nameOf(AgentPoolService.method.createAgentPool), names],
  [nameOf(AgentPoolService.method.updateAgentPool), names],
  [nameOf(AgentPoolService.method.grantWorkspaces), names],
  [nameOf(AgentPoolService.method.revokeWorkspaces), names],
  [nameOf(AgentPoolService.method.assignWorkspaces), names],
  [nameOf(AgentPoolService.method.unassignWorkspaces), names],
  [nameOf(VariableSetService.method.createVariableSet), names],
  [nameOf(VariableSetService.method.updateVariableSet), names],
  [nameOf(VariableSetService.method.attachVariableSet), names],
  [nameOf(VariableSetService.method.detachVariableSet), names],
  [nameOf(ProviderSettingsService.method.updateProviderSettings), { ...names, needs: "own" }],
  // Certificates, and keys of the issuer.
  [nameOf(AgentTokenService.method.createIdentityTrust), names],
  // A probe is padded.
  [nameOf(SystemService.method.streamProbe), { maxBytes: 2 * mib + 64 * kib, maxValues: 100, needs: "read" }],
  [nameOf(UploadService.method.uploadPart), part],
  [nameOf(JobArtifactService.method.uploadPart), part],
  [nameOf(AgentGatewayService.method.register), { maxBytes: 128 * kib, maxValues: 2_000, needs: "read" }],
]);

/** A message of a stream: a piece of 1 MiB with its frame. */
const piece: RequestLimits = { maxBytes: mib + 64 * kib, maxValues: 2_000 };
/** A part of a plan's summary is one, too. */
const planPart: RequestLimits = { maxBytes: mib + 64 * kib, maxValues: 20_000 };
/** What an agent says of all its jobs at once. */
const session: RequestLimits = { maxBytes: 4 * mib, maxValues: 60_000 };

/** The largest message that anybody may send to any method. */
export const maxRequestBytes = 4 * mib;

/** What each message of a request may be. A caller whose role does not allow a large request gets no more than others. */
export function requestLimits(method: DescMethod, who: Principal | undefined): RequestLimits {
  if (method.methodKind === "bidi_streaming") return who?.kind === "agent_session" ? session : smallRequest;
  if (method === JobArtifactService.method.uploadPlan) return planPart;
  if (method.methodKind === "client_streaming") return piece;
  const allowance = larger.get(nameOf(method));
  if (allowance === undefined || who === undefined) return smallRequest;
  return who.kind !== "api_key" || allows(who, allowance.needs) ? allowance : smallRequest;
}
