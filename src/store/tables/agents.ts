import type { AgentEngines, AgentStatus, KeptDirectory } from "../../domain/agents/agent.ts";
import type { AgentUpdatePolicy, AgentUpdateStatus } from "../../domain/agents/agent-update.ts";
import type { IdentityTrust } from "../../domain/agents/trust.ts";
import type { AgentId, AgentTokenId, OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";
import { isConnected, isNull, isSaid, willEnd } from "./conditions.ts";

/** Pools, what they admit, and the agents in them. */
export function defineAgents(k: Kit) {
  const pools = k.table(
    "pools",
    {
      id: k.text<PoolId>("id").primaryKey(),
      // No foreign key to organizations: an organization is deleted only when it is empty.
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      name: k.text("name").notNull(),
      description: k.text("description").notNull(),
      isOrganizationScoped: k.bool("is_organization_scoped").notNull(),
      updatePolicy: k.json<AgentUpdatePolicy>("update_policy"),
      createdAt: k.instant("created_at").notNull(),
      updatedAt: k.instant("updated_at").notNull(),
      version: k.int("version").notNull(),
    },
    (t) => [k.uniqueIndex("pools_name").on(t.organizationId, t.name)],
  );

  const grants = k.table(
    "grants",
    {
      poolId: k
        .text<PoolId>("pool_id")
        .notNull()
        .references(() => pools.id, { onDelete: "cascade" }),
      workspaceName: k.text("workspace_name").notNull(),
    },
    (t) => [
      k.primaryKey({ columns: [t.poolId, t.workspaceName] }),
      k.index("grants_workspace").on(t.workspaceName, t.poolId),
    ],
  );

  const tokens = k.table(
    "tokens",
    {
      id: k.text<AgentTokenId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      poolId: k
        .text<PoolId>("pool_id")
        .notNull()
        .references(() => pools.id, { onDelete: "cascade" }),
      description: k.text("description").notNull(),
      hash: k.text("hash").notNull().unique("tokens_hash"),
      prefix: k.text("prefix").notNull(),
      createdBy: k.text("created_by").notNull(),
      createdAt: k.instant("created_at").notNull(),
      expiresAt: k.instant("expires_at"),
      lastUsedAt: k.instant("last_used_at"),
      lastUsedAddress: k.text("last_used_address").notNull().default(""),
      revokedAt: k.instant("revoked_at"),
      replacedBy: k.text<AgentTokenId>("replaced_by"),
      isStopping: k.bool("is_stopping").notNull(),
      trust: k.json<IdentityTrust>("trust"),
    },
    (t) => [
      k.index("tokens_pool").on(t.poolId, t.createdAt, t.id),
      k.index("tokens_organization").on(t.organizationId, t.createdAt, t.id),
      k
        .index("tokens_ending")
        .on(t.expiresAt, t.id)
        .where(willEnd(t.expiresAt, t.revokedAt, t.replacedBy)),
    ],
  );

  const agents = k.table(
    "agents",
    {
      id: k.text<AgentId>("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id"),
      poolId: k.text<PoolId>("pool_id").references(() => pools.id, { onDelete: "cascade" }),
      tokenId: k.text<AgentTokenId>("token_id"),
      incarnation: k.text("incarnation").notNull(),
      bootId: k.text("boot_id").notNull(),
      sessionEpoch: k.int("session_epoch").notNull(),
      sessionTokenHash: k.text("session_token_hash").notNull().unique("agents_session_token_hash"),
      name: k.text("name").notNull(),
      version: k.text("version").notNull(),
      os: k.text("os").notNull(),
      arch: k.text("arch").notNull(),
      labels: k.json<Readonly<Record<string, string>>>("labels").notNull(),
      address: k.text("address").notNull(),
      concurrency: k.int("concurrency").notNull(),
      sandbox: k.text("sandbox").notNull(),
      engines: k.json<AgentEngines>("engines"),
      status: k.text<AgentStatus>("status").notNull(),
      isPaused: k.bool("is_paused").notNull(),
      isDraining: k.bool("is_draining").notNull(),
      pauseReason: k.text("pause_reason").notNull().default(""),
      connectedTo: k.text("connected_to").notNull().default(""),
      replicaId: k.text("replica_id"),
      place: k.text("place").notNull().default(""),
      jobsPlace: k.text("jobs_place").notNull().default(""),
      warning: k.text("warning").notNull(),
      keptDirectories: k.json<readonly KeptDirectory[]>("kept_directories").notNull().default([]),
      unwantedDirectories: k.json<readonly string[]>("unwanted_directories").notNull().default([]),
      updateStatus: k.json<AgentUpdateStatus>("update_status"),
      createdAt: k.instant("created_at").notNull(),
      lastSeenAt: k.instant("last_seen_at").notNull(),
    },
    (t) => [
      k.uniqueIndex("agents_incarnation").on(t.poolId, t.incarnation),
      k.uniqueIndex("agents_server_incarnation").on(t.incarnation).where(isNull(t.poolId)),
      k.index("agents_name").on(t.organizationId, t.name, t.id),
      k.index("agents_token").on(t.tokenId),
      k.index("agents_warned").on(t.organizationId, t.name, t.id).where(isSaid(t.warning)),
      k.index("agents_silent").on(t.lastSeenAt).where(isConnected(t.status)),
    ],
  );

  return { pools, grants, tokens, agents };
}
