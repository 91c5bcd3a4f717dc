import type { TfeRoute } from "./core/call.ts";
import { accountRoutes } from "./services/account.ts";
import { configurationVersionRoutes } from "./services/configuration-versions.ts";
import { discoveryRoutes } from "./services/discovery.ts";
import { objectRoutes } from "./services/objects.ts";
import { organizationRoutes } from "./services/organizations.ts";
import { projectRoutes } from "./services/projects.ts";
import { consumerRoutes } from "./services/state-consumers.ts";
import { stateOutputRoutes } from "./services/state-outputs.ts";
import { stateUploadRoutes } from "./services/state-uploads.ts";
import { stateVersionRoutes } from "./services/state-versions.ts";
import { tagRoutes } from "./services/tags.ts";
import { workspaceResourceRoutes } from "./services/workspace-resources.ts";
import { workspaceRoutes } from "./services/workspaces.ts";

/** Everything below /api/v2. */
export const apiRoutes: readonly TfeRoute[] = [
  ...accountRoutes,
  ...organizationRoutes,
  ...projectRoutes,
  ...tagRoutes,
  ...workspaceRoutes,
  ...consumerRoutes,
  ...workspaceResourceRoutes,
  ...configurationVersionRoutes,
  ...stateVersionRoutes,
  ...stateUploadRoutes,
  ...stateOutputRoutes,
];

/** Everything else: no credential is asked for, or it stands in the path. */
export const openRoutes: readonly TfeRoute[] = [...discoveryRoutes, ...objectRoutes];
