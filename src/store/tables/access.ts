import type { Role } from "../../domain/people/api-key.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Engine, KeptAttributes } from "../../domain/workspaces/workspace.ts";
import type { ApiKeyId, OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";
import { willEnd } from "./conditions.ts";

/** Who may use the control plane, what they asked, and what they changed. */
export function defineAccess(k: Kit) {
  const meta = k.table("meta", { key: k.text("key").primaryKey(), value: k.text("value").notNull() });

  const requests = k.table(
    "requests",
    {
      principal: k.text("principal").notNull(),
      requestId: k.text("request_id").notNull(),
      method: k.text("method").notNull(),
      bodyHash: k.text("body_hash").notNull(),
      resourceId: k.text("resource_id").notNull(),
      at: k.instant("at").notNull(),
    },
    (t) => [k.primaryKey({ columns: [t.principal, t.requestId] }), k.index("requests_at").on(t.at)],
  );

  const audit = k.table(
    "audit",
    {
      id: k.text("id").primaryKey(),
      organizationId: k.text<OrganizationId>("organization_id"),
      at: k.instant("at").notNull(),
      actor: k.text("actor").notNull(),
      action: k.text("action").notNull(),
      resource: k.text("resource").notNull(),
      detail: k.json<Readonly<Record<string, string>>>("detail").notNull(),
      address: k.text("address").notNull().default(""),
    },
    (t) => [k.index("audit_organization").on(t.organizationId, t.at, t.id), k.index("audit_at").on(t.at, t.id)],
  );

  const organizations = k.table("organizations", {
    id: k.text<OrganizationId>("id").primaryKey(),
    name: k.text("name").notNull().unique("organizations_name"),
    maxAgents: k.int("max_agents").notNull(),
    maxWorkspaces: k.int("max_workspaces").notNull().default(0),
    defaultExecutionMode: k
      .text<Organization["defaultExecutionMode"]>("default_execution_mode")
      .notNull()
      .default("remote"),
    defaultPoolId: k.text<PoolId>("default_pool_id"),
    defaultEngine: k.text<Engine>("default_engine").notNull().default("terraform"),
    defaultEngineVersion: k.text("default_engine_version").notNull().default(""),
    email: k.text("email").notNull().default(""),
    allowsForceDelete: k.bool("allows_force_delete").notNull().default(true),
    keptAttributes: k.json<KeptAttributes>("kept_attributes").notNull().default({}),
    createdAt: k.instant("created_at").notNull(),
    updatedAt: k.instant("updated_at").notNull(),
    version: k.int("version").notNull(),
  });

  const apiKeys = k.table(
    "api_keys",
    {
      id: k.text<ApiKeyId>("id").primaryKey(),
      organizationId: k
        .text<OrganizationId>("organization_id")
        .references(() => organizations.id, { onDelete: "cascade" }),
      name: k.text("name").notNull(),
      role: k.text<Role>("role").notNull(),
      hash: k.text("hash").notNull().unique("api_keys_hash"),
      prefix: k.text("prefix").notNull(),
      createdBy: k.text("created_by").notNull().default(""),
      createdAt: k.instant("created_at").notNull(),
      expiresAt: k.instant("expires_at"),
      lastUsedAt: k.instant("last_used_at"),
      lastUsedAddress: k.text("last_used_address").notNull().default(""),
      revokedAt: k.instant("revoked_at"),
      replacedBy: k.text<ApiKeyId>("replaced_by"),
    },
    (t) => [
      k.index("api_keys_organization").on(t.organizationId, t.createdAt, t.id),
      k.index("api_keys_created").on(t.createdAt, t.id),
      k
        .index("api_keys_ending")
        .on(t.expiresAt, t.id)
        .where(willEnd(t.expiresAt, t.revokedAt, t.replacedBy)),
    ],
  );

  const browserSessions = k.table(
    "browser_sessions",
    {
      id: k.text("id").primaryKey(),
      apiKeyId: k
        .text<ApiKeyId>("api_key_id")
        .notNull()
        .references(() => apiKeys.id, { onDelete: "cascade" }),
      hash: k.text("hash").notNull().unique("browser_sessions_hash"),
      createdAt: k.instant("created_at").notNull(),
      lastUsedAt: k.instant("last_used_at").notNull(),
      lastUsedAddress: k.text("last_used_address").notNull(),
      endsAt: k.instant("ends_at").notNull(),
      userAgent: k.text("user_agent").notNull(),
    },
    (t) => [
      k.index("browser_sessions_key").on(t.apiKeyId, t.createdAt, t.id),
      k.index("browser_sessions_ending").on(t.endsAt, t.id),
    ],
  );

  return { meta, requests, audit, organizations, apiKeys, browserSessions };
}
