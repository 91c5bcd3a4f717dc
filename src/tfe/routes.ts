import type { TfeRoute } from "./core/call.ts";
import { loginRoutes } from "./login/routes.ts";
import { accountRoutes } from "./services/account.ts";
import { configurationVersionRoutes } from "./services/configuration-versions.ts";
import { discoveryRoutes } from "./services/discovery.ts";
import { objectRoutes } from "./services/objects.ts";
import { organizationRoutes } from "./services/organizations.ts";
import { agentPoolRoutes } from "./services/pools/agent-pools.ts";
import { agentTokenRoutes } from "./services/pools/agent-tokens.ts";
import { agentRoutes } from "./services/pools/agents.ts";
import { projectRoutes } from "./services/projects.ts";
import { runActionRoutes } from "./services/run-actions.ts";
import { runEventRoutes } from "./services/run-events.ts";
import { runListRoutes } from "./services/run-lists.ts";
import { runPhaseRoutes } from "./services/run-phases.ts";
import { runRoutes } from "./services/runs.ts";
import { consumerRoutes } from "./services/state-consumers.ts";
import { stateOutputRoutes } from "./services/state-outputs.ts";
import { stateUploadRoutes } from "./services/state-uploads.ts";
import { stateVersionRoutes } from "./services/state-versions.ts";
import { tagRoutes } from "./services/tags.ts";
import { variableSetRoutes } from "./services/variables/variable-sets.ts";
import { variableRoutes } from "./services/variables/variables.ts";
import { workspaceResourceRoutes } from "./services/workspace-resources.ts";
import { workspaceRoutes } from "./services/workspaces.ts";

/** Everything below /api/v2. */
export const apiRoutes: readonly TfeRoute[] = [
  ...agentPoolRoutes,
  ...agentTokenRoutes,
  ...agentRoutes,
  ...variableRoutes,
  ...variableSetRoutes,
  ...accountRoutes,
  ...organizationRoutes,
  ...projectRoutes,
  ...tagRoutes,
  ...workspaceRoutes,
  ...consumerRoutes,
  ...workspaceResourceRoutes,
  ...configurationVersionRoutes,
  ...runRoutes,
  ...runListRoutes,
  ...runActionRoutes,
  ...runEventRoutes,
  ...runPhaseRoutes,
  ...stateVersionRoutes,
  ...stateUploadRoutes,
  ...stateOutputRoutes,
];

/** Everything else: no credential is asked for, or it stands in the path. */
export const openRoutes: readonly TfeRoute[] = [...discoveryRoutes, ...objectRoutes, ...loginRoutes];
