import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { TokenView } from "../../control/agents/tokens.ts";
import type { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
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
});
