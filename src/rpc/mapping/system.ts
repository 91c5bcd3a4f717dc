import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServerFacts, Subject } from "../../control/system.ts";
import type { Role } from "../../domain/api-key.ts";
import {
  type GetServerInfoResponseSchema,
  Role as RoleValue,
  SubjectKind,
  type WhoAmIResponseSchema,
} from "../../gen/windlass/v1/system_service_pb.ts";

export const toServerInfo = (facts: ServerFacts): MessageInitShape<typeof GetServerInfoResponseSchema> => ({
  version: facts.version,
  database: facts.database,
  minimumProtocol: facts.protocol.minimum,
  maximumProtocol: facts.protocol.maximum,
  maxConfigurationBytes: BigInt(facts.maxConfigurationBytes),
  maxStateBytes: BigInt(facts.maxStateBytes),
  clusterGeneration: facts.generation,
  hasServerAgent: facts.hasServerAgent,
});

const roles: Readonly<Record<Role, RoleValue>> = {
  site_admin: RoleValue.SITE_ADMIN,
  owner: RoleValue.OWNER,
  operator: RoleValue.OPERATOR,
  planner: RoleValue.PLANNER,
  reader: RoleValue.READER,
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
  role: subject.role === null ? RoleValue.UNSPECIFIED : roles[subject.role],
  organizations: [...subject.organizations],
});
