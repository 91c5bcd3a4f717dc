import * as z from "zod";
import type { AgentView } from "../../control/agents/view.ts";
import { keyOfActor } from "../../control/core/audit.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import type { Resource } from "../core/answers.ts";
import { noRelationships } from "../core/body.ts";
import { toTfeId, toTime } from "../core/ids.ts";

/** An agent as clients know it. Its statuses have the same words here and there. */
export const toAgent = ({ agent }: AgentView): Resource => ({
  type: "agents",
  id: toTfeId(agent.id),
  attributes: {
    name: agent.name,
    status: agent.status,
    "ip-address": agent.address,
    "created-at": toTime(agent.createdAt),
    "last-ping-at": toTime(wholeSeconds(agent.lastSeenAt)),
  },
  links: { self: `/api/v2/agents/${toTfeId(agent.id)}` },
});

const wholeSeconds = (at: Date): Date => new Date(Math.floor(at.getTime() / 1_000) * 1_000);

export const agentTokenShape = {
  types: ["agent-tokens", "authentication-tokens"],
  attributes: z.object({ description: z.string().min(1) }),
  relationships: noRelationships,
} as const;

/** A token as clients know it; the secret stands in the answer that made it, and nowhere else. */
export function toAgentToken(token: AgentToken, secret: string | null = null): Resource {
  const key = keyOfActor(token.createdBy);
  return {
    type: "authentication-tokens",
    id: toTfeId(token.id),
    attributes: {
      "created-at": toTime(token.createdAt),
      "last-used-at": toTime(token.lastUsedAt),
      description: token.description,
      token: secret,
    },
    relationships: { "created-by": { data: key === undefined ? null : { type: "users", id: toTfeId(key) } } },
    links: { self: `/api/v2/authentication-tokens/${toTfeId(token.id)}` },
  };
}
