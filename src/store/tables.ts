import type { Kit } from "./kit.ts";
import { defineAccess } from "./tables/access.ts";
import { defineAgents } from "./tables/agents.ts";
import { defineProviderSettings } from "./tables/provider-settings.ts";
import { defineRuns } from "./tables/runs.ts";
import { defineUploads } from "./tables/uploads.ts";
import { defineWorkspaces } from "./tables/workspaces.ts";

/** All tables of the product, over either engine's kit. A change here needs a migration: see `src/store/queries/index.ts`. */
export function defineTables(k: Kit) {
  const owned = defineWorkspaces(k);
  const owners = { ...defineAccess(k), ...defineAgents(k) };
  return {
    ...owners,
    ...defineProviderSettings(k, owners),
    ...owned,
    ...defineRuns(k, owned.workspaces),
    ...defineUploads(k),
  };
}

export type Tables = ReturnType<typeof defineTables>;
