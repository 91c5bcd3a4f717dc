import type { TfeRoute } from "./core/call.ts";
import { loginRoutes } from "./login/routes.ts";
import { accountRoutes } from "./services/account.ts";
import { discoveryRoutes } from "./services/discovery.ts";
import { organizationRoutes } from "./services/organizations.ts";

/** Everything below /api/v2. */
export const apiRoutes: readonly TfeRoute[] = [...accountRoutes, ...organizationRoutes];

/** Everything else: no credential is asked for, or it stands in the path. */
export const openRoutes: readonly TfeRoute[] = [...discoveryRoutes, ...loginRoutes];
