import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Attention } from "../../control/people/attention.ts";
import type { ReplicaView } from "../../control/people/replicas.ts";
import type { ServerFacts, Subject } from "../../control/people/system.ts";
import type { Role } from "../../domain/people/api-key.ts";
import { type Permission, permissionsOf } from "../../domain/people/principal.ts";
import type { OrganizationStats } from "../../domain/people/stats.ts";
import {
  AttentionKind,
  type GetAttentionResponseSchema,
  type GetServerInfoResponseSchema,
  type GetStatsResponseSchema,
  type ListReplicasResponseSchema,
  Permission as PermissionValue,
  ReplicaState,
  Role as RoleValue,
  SubjectKind,
  type WhoAmIResponseSchema,
} from "../../gen/windlass/v1/system_service_pb.ts";
import { toTime } from "./time.ts";

export const toServerInfo = (facts: ServerFacts): MessageInitShape<typeof GetServerInfoResponseSchema> => ({
  version: facts.version,
  database: facts.database,
  minimumProtocol: facts.protocol.minimum,
  maximumProtocol: facts.protocol.maximum,
  maxConfigurationBytes: BigInt(facts.maxConfigurationBytes),
  maxStateBytes: BigInt(facts.maxStateBytes),
  clusterGeneration: facts.generation,
  hasServerAgent: facts.hasServerAgent,
  limits: Object.fromEntries(Object.entries(facts.limits).map(([name, limit]) => [name, BigInt(limit)])),
  serverTime: timestampFromDate(facts.now),
  retention: { ...facts.retention },
  publicUrl: facts.web?.publicUrl ?? "",
  hasWeb: facts.web !== undefined,
});

const replicaStates: Readonly<Record<ReplicaView["state"], ReplicaState>> = {
  alive: ReplicaState.ALIVE,
  silent: ReplicaState.SILENT,
  lost: ReplicaState.LOST,
};

export const toReplicas = (replicas: readonly ReplicaView[]): MessageInitShape<typeof ListReplicasResponseSchema> => ({
  replicas: replicas.map(({ row, state, connectedAgents, isSelf }) => ({
    ...{ id: row.id, name: row.name, version: row.version, address: row.address },
    startTime: timestampFromDate(row.startedAt),
    lastSeenTime: timestampFromDate(row.seenAt),
    state: replicaStates[state],
    clockAhead: durationFromMs(row.clockAt.getTime() - row.seenAt.getTime()),
    ...{ connectedAgents, answers: isSelf },
  })),
});

export const toStats = (stats: OrganizationStats): MessageInitShape<typeof GetStatsResponseSchema> => ({
  workspaces: stats.workspaces,
  agentPools: stats.pools,
  connectedAgents: stats.connectedAgents,
  busyAgents: stats.busyAgents,
  activeRuns: stats.activeRuns,
  runsToConfirm: stats.runsToConfirm,
  queuedJobs: stats.queuedJobs,
  runningJobs: stats.runningJobs,
  interruptedWorkspaces: stats.interruptedWorkspaces,
  quarantinedStates: stats.quarantinedStates,
});

const attentionKinds: Readonly<Record<Attention["kind"], AttentionKind>> = {
  lost_apply: AttentionKind.LOST_APPLY,
  plan_to_confirm: AttentionKind.PLAN_TO_CONFIRM,
  quarantined_state: AttentionKind.QUARANTINED_STATE,
  pool_without_agents: AttentionKind.POOL_WITHOUT_AGENTS,
  pool_paused: AttentionKind.POOL_PAUSED,
  agent_warning: AttentionKind.AGENT_WARNING,
  agent_token_ends: AttentionKind.AGENT_TOKEN_ENDS,
  api_key_ends: AttentionKind.API_KEY_ENDS,
  certificate_ends: AttentionKind.CERTIFICATE_ENDS,
};

export const toAttention = (found: readonly Attention[]): MessageInitShape<typeof GetAttentionResponseSchema> => ({
  attention: found.map(({ kind, count, items }) => ({
    kind: attentionKinds[kind],
    count,
    items: items.map(({ at, ...item }) => ({ ...item, time: toTime(at) })),
  })),
});

export const roleValues: Readonly<Record<Role, RoleValue>> = {
  site_admin: RoleValue.SITE_ADMIN,
  owner: RoleValue.OWNER,
  operator: RoleValue.OPERATOR,
  planner: RoleValue.PLANNER,
  reader: RoleValue.READER,
};

export const permissionValues: Readonly<Record<Permission, PermissionValue>> = {
  read: PermissionValue.READ,
  plan: PermissionValue.PLAN,
  operate: PermissionValue.OPERATE,
  own: PermissionValue.OWN,
  administer_site: PermissionValue.ADMINISTER_SITE,
};

const kinds: Readonly<Record<Subject["kind"], SubjectKind>> = {
  api_key: SubjectKind.API_KEY,
  agent_token: SubjectKind.AGENT_TOKEN,
  server_agent: SubjectKind.AGENT_TOKEN,
  agent_session: SubjectKind.AGENT_SESSION,
  job: SubjectKind.JOB,
};

export const toWhoAmI = (subject: Subject): MessageInitShape<typeof WhoAmIResponseSchema> => ({
  kind: kinds[subject.kind],
  id: subject.id,
  name: subject.name,
  role: subject.role === null ? RoleValue.UNSPECIFIED : roleValues[subject.role],
  organizations: [...subject.organizations],
  expireTime: toTime(subject.expiresAt),
  permissions:
    subject.role === null ? [] : permissionsOf(subject.role).map((permission) => permissionValues[permission]),
});
