import type { TfeRoute } from "./core/call.ts";
import { accountRoutes } from "./services/account.ts";
import { configurationVersionRoutes } from "./services/configuration-versions.ts";
import { discoveryRoutes } from "./services/discovery.ts";
import { objectRoutes } from "./services/objects.ts";
import { organizationRoutes } from "./services/organizations.ts";

/** Everything below /api/v2. */
export const apiRoutes: readonly TfeRoute[] = [...accountRoutes, ...organizationRoutes, ...configurationVersionRoutes];

/** Everything else: no credential is asked for, or it stands in the path. */
export const openRoutes: readonly TfeRoute[] = [...discoveryRoutes, ...objectRoutes];
