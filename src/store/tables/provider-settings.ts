import type { ProviderSource } from "../../domain/workspaces/provider-settings.ts";
import type { OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";
import type { defineAccess } from "./access.ts";
import type { defineAgents } from "./agents.ts";

type Owners = Pick<ReturnType<typeof defineAccess>, "organizations"> & Pick<ReturnType<typeof defineAgents>, "pools">;

/** Where jobs take providers from: a row for an organization or a pool, with its id. */
export function defineProviderSettings(k: Kit, { organizations, pools }: Owners) {
  const providerSettings = k.table(
    "provider_settings",
    {
      id: k.text<OrganizationId | PoolId>("id").primaryKey(),
      organizationId: k
        .text<OrganizationId>("organization_id")
        .notNull()
        .references(() => organizations.id, { onDelete: "cascade" }),
      poolId: k.text<PoolId>("pool_id").references(() => pools.id, { onDelete: "cascade" }),
      sources: k.json<readonly ProviderSource[]>("sources").notNull(),
      hosts: k.json<readonly string[]>("hosts").notNull(),
      sealedValue: k.bytes("sealed_value"),
      caCertificates: k.text("ca_certificates").notNull(),
      updatedAt: k.instant("updated_at").notNull(),
      version: k.int("version").notNull(),
    },
    (t) => [
      k.index("provider_settings_organization").on(t.organizationId),
      k.index("provider_settings_pool").on(t.poolId),
    ],
  );
  return { providerSettings };
}
