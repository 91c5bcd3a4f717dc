import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { TokenView } from "../../control/agents/tokens.ts";
import type { IdentityTrust } from "../../domain/agents/trust.ts";
import {
  type AgentTokenSchema,
  type IdentityTrust as IdentityTrustMessage,
  IdentityTrustSchema,
} from "../../gen/windlass/v1/agent_token_pb.ts";
import { toTime } from "./time.ts";

export const toAgentToken = ({
  token,
  poolName,
  agents,
  isActive,
}: TokenView): MessageInitShape<typeof AgentTokenSchema> => ({
  id: token.id,
  agentPool: poolName,
  description: token.description,
  prefix: token.prefix,
  createdBy: token.createdBy,
  createTime: timestampFromDate(token.createdAt),
  expireTime: toTime(token.expiresAt),
  lastUseTime: toTime(token.lastUsedAt),
  revokeTime: toTime(token.revokedAt),
  agents: [...agents],
  lastUseAddress: token.lastUsedAddress,
  replacedBy: token.replacedBy ?? "",
  active: isActive,
  ...(token.trust === null ? {} : { trust: toIdentityTrust(token.trust) }),
});

const toIdentityTrust = (trust: IdentityTrust): MessageInitShape<typeof IdentityTrustSchema> => ({
  issuer: trust.issuer,
  audience: trust.audience,
  subjects: [...trust.subjects],
  claims: { ...trust.claims },
  caCertificates: trust.caCertificates,
  jwks: trust.jwks,
});

/** Required: an absent one has been refused. */
export function fromIdentityTrust(trust: IdentityTrustMessage | undefined): IdentityTrust {
  const { issuer, audience, subjects, claims, caCertificates, jwks } = trust ?? create(IdentityTrustSchema);
  return { issuer, audience, subjects, claims, caCertificates, jwks };
}
