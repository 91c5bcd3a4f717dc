import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { rotateAgentToken } from "../../control/agents/token-rotation.ts";
import { createAgentToken, listAgentTokens, revokeAgentToken } from "../../control/agents/tokens.ts";
import type { Control } from "../../control/core/control.ts";
import { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import type { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { toAgentToken } from "../mapping/agent-token.ts";
import { pageMessages, pageOf } from "../mapping/page.ts";

/** In milliseconds, rounded up: the shortest duration is not none. */
const exactMs = (duration: Duration): number => durationMs(duration) + (duration.nanos % 1_000_000 === 0 ? 0 : 1);

const optionalMs = (duration: Duration | undefined): number | null =>
  duration === undefined ? null : exactMs(duration);

/** Manages the tokens of agent pools. */
export const agentTokenService = (control: Control): ServiceImpl<typeof AgentTokenService> => ({
  createAgentToken: async ({ organization, agentPool, description, expiresIn, requestId }, context) => {
    const wanted = {
      pool: { organization, name: agentPool },
      description,
      requestId,
      expiresInMs: optionalMs(expiresIn),
    };
    const { secret, ...view } = await createAgentToken(control, callerOf(context), wanted);
    return { agentToken: toAgentToken(view), secret };
  },
  listAgentTokens: async (request, context) => {
    const { organization, agentPool: pool } = request;
    const page = await listAgentTokens(control, callerOf(context), { organization, pool, page: pageOf(request) });
    const { messages: agentTokens, nextPageToken } = pageMessages(page, AgentTokenSchema, toAgentToken);
    return { agentTokens, nextPageToken };
  },
  revokeAgentToken: async ({ agentTokenId, stopJobs }, context) => {
    const view = await revokeAgentToken(control, callerOf(context), { id: agentTokenId, stopsJobs: stopJobs });
    return { agentToken: toAgentToken(view) };
  },
  rotateAgentToken: async ({ agentTokenId: id, overlap, expiresIn }, context) => {
    const wanted = { id, overlapMs: optionalMs(overlap), expiresInMs: optionalMs(expiresIn) };
    const { made, secret, replaced } = await rotateAgentToken(control, callerOf(context), wanted);
    return { agentToken: toAgentToken(made), secret, replaced: toAgentToken(replaced) };
  },
});
