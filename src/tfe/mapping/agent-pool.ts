import * as z from "zod";
import type { LinkedPool } from "../../control/agents/pool-links.ts";
import type { Resource, ResourceName } from "../core/answers.ts";
import { toMany } from "../core/body.ts";
import { toTfeId, toTime } from "../core/ids.ts";

const nothing = toMany.optional();

/** Relationships that would narrow or widen who may use a pool by what is not known here. */
export const unknownPoolScopes = [
  "allowed-projects",
  "excluded-projects",
  "excluded-workspaces",
  "allowed-stacks",
  "excluded-stacks",
  "allowed-modules",
  "excluded-modules",
] as const;

export const agentPoolShape = {
  types: ["agent-pools"],
  attributes: z.object({ name: z.string().optional(), "organization-scoped": z.boolean().nullish() }),
  relationships: z.object({
    "allowed-workspaces": toMany.optional(),
    "allowed-projects": nothing,
    "excluded-projects": nothing,
    "excluded-workspaces": nothing,
    "allowed-stacks": nothing,
    "excluded-stacks": nothing,
    "allowed-modules": nothing,
    "excluded-modules": nothing,
  }),
} as const;

const named = (type: string, ids: readonly string[]): readonly ResourceName[] =>
  ids.map((id) => ({ type, id: toTfeId(id) }));

/** A pool as clients know it. The workspaces that it is granted to are shown whatever its scope. */
export function toAgentPool({ pool, organizationName, granted, assigned, connectedAgents }: LinkedPool): Resource {
  const id = toTfeId(pool.id);
  const self = `/api/v2/agent-pools/${id}`;
  return {
    type: "agent-pools",
    id,
    attributes: {
      name: pool.name,
      "created-at": toTime(pool.createdAt),
      "organization-scoped": pool.isOrganizationScoped,
      "agent-count": connectedAgents,
    },
    relationships: {
      organization: { data: { type: "organizations", id: organizationName } },
      workspaces: { data: named("workspaces", assigned) },
      "allowed-workspaces": { data: named("workspaces", granted) },
      "allowed-projects": { data: [] },
      "excluded-workspaces": { data: [] },
      agents: { links: { related: `${self}/agents` } },
      "authentication-tokens": { links: { related: `${self}/authentication-tokens` } },
    },
    links: { self },
  };
}
