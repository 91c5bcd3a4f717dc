import type { ServiceImpl } from "@connectrpc/connect";
import { rotateAgentToken } from "../../control/agents/token-rotation.ts";
import { createAgentToken, listAgentTokens, revokeAgentToken } from "../../control/agents/tokens.ts";
import { createIdentityTrust } from "../../control/agents/trusts.ts";
import type { Control } from "../../control/core/control.ts";
import { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import type { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromIdentityTrust, toAgentToken } from "../mapping/agent-token.ts";
import { fromDuration } from "../mapping/duration.ts";
import { fromPage, toPage } from "../mapping/page.ts";

/** Manages the tokens of agent pools. */
export const agentTokenService = (control: Control): ServiceImpl<typeof AgentTokenService> => ({
  createAgentToken: async ({ organization, agentPool, description, expiresIn, requestId }, context) => {
    const wanted = {
      pool: { organization, name: agentPool },
      description,
      requestId,
      expiresInMs: fromDuration(expiresIn),
    };
    const { secret, ...view } = await createAgentToken(control, callerOf(context), wanted);
    return { agentToken: toAgentToken(view), secret };
  },
  listAgentTokens: async (request, context) => {
    const { organization, agentPool: pool, onlyTrusts } = request;
    const wanted = { organization, pool, onlyTrusts, page: fromPage(request) };
    const page = await listAgentTokens(control, callerOf(context), wanted);
    const { messages: agentTokens, nextPageToken } = toPage(page, AgentTokenSchema, toAgentToken);
    return { agentTokens, nextPageToken };
  },
  createIdentityTrust: async ({ organization, agentPool, description, trust, expiresIn, requestId }, context) => {
    const view = await createIdentityTrust(control, callerOf(context), {
      ...{ pool: { organization, name: agentPool }, description, requestId },
      ...{ trust: fromIdentityTrust(trust), expiresInMs: fromDuration(expiresIn) },
    });
    return { agentToken: toAgentToken(view) };
  },
  revokeAgentToken: async ({ agentTokenId, stopJobs }, context) => {
    const view = await revokeAgentToken(control, callerOf(context), { id: agentTokenId, stopsJobs: stopJobs });
    return { agentToken: toAgentToken(view) };
  },
  rotateAgentToken: async ({ agentTokenId: id, overlap, expiresIn }, context) => {
    const wanted = { id, overlapMs: fromDuration(overlap), expiresInMs: fromDuration(expiresIn) };
    const { made, secret, replaced } = await rotateAgentToken(control, callerOf(context), wanted);
    return { agentToken: toAgentToken(made), secret, replaced: toAgentToken(replaced) };
  },
});
