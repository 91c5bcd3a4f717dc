import type { Kit } from "../engine/kit.ts";
import { defineAccess } from "./access.ts";
import { defineAgents } from "./agents.ts";
import { defineProviderSettings } from "./provider-settings.ts";
import { defineReplicas } from "./replicas.ts";
import { defineRuns } from "./runs.ts";
import { defineUploads } from "./uploads.ts";
import { defineWorkspaces } from "./workspaces.ts";

/**
 * All tables of the product, over either engine's kit. A change here needs a migration: see
 * `src/store/queries/index.ts`.
 */
export function defineTables(k: Kit) {
  const owned = defineWorkspaces(k);
  const owners = { ...defineAccess(k), ...defineAgents(k) };
  return {
    ...owners,
    ...defineProviderSettings(k, owners),
    ...owned,
    ...defineRuns(k, owned.workspaces),
    ...defineUploads(k),
    ...defineReplicas(k),
  };
}

export type Tables = ReturnType<typeof defineTables>;
