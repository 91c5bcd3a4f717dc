/**
 * Every query of the product, written once for both engines. One file per noun builds that noun's part of `Queries`
 * from a `QueryContext`, once per connection.
 *
 * To add a query
 *  1. name it in `src/store/ports/store.ts`, with a sentence on order, limits and what a missing row gives;
 *  2. write it in `src/store/queries/<noun>.ts`. Rows by equal columns are `one`, `many` and `manyBy` of `rows.ts`, pages are in
 *     `pages.ts`; both are prepared or bounded. Another one that is hot is `prepared<{ id: RunId }>()((slot) => …)` with
 *     `slot("id", runs.id)` for each parameter; the rest is built in the call;
 *  3. test what it promises in `src/store/queries/store*.test.ts`, which run on both engines.
 * A new column or table goes into `src/store/tables/`; then
 * `npx drizzle-kit generate --config drizzle.sqlite.config.ts --name <what>`, the same with `drizzle.postgres.config.ts`, and
 * both migrations are committed. Expand first, contract in a later version.
 *
 * Rules: what type-checks is PostgreSQL's; these keep it true on SQLite, each because of a difference between the engines.
 *  - Values go through `eq`, `slot` or `sql.param(value, column)`, never bare into `sql`.
 *  - `count()`, `sum(…)`, `.mapWith(…)`; never ``sql<T>`…` ``, which asserts a type and converts nothing.
 *  - Count the rows of `.returning()`; a statement without it gives nothing that both engines agree on. It may only
 *    return columns of its own table.
 *  - A conflict that is expected is `onConflictDoNothing().returning()`: never catch a failed statement and go on.
 *  - Constants of partial indexes stand in the text: use `src/store/tables/conditions.ts`.
 *  - A parameter that may be null is two queries: `= null` is never true, and PostgreSQL cannot type `$1 is null`.
 *  - Many rows or ids travel as one parameter: `dialect.given`.
 *  - No `like`, `lower`, comparison of json, or order that relies on where nulls sort.
 *  - Reads that do not need each other may be asked for together, by `allSettled`: on PostgreSQL they are one trip. Never by
 *    `Promise.all`, behind whose error the others go on.
 *  - Decide in the WHERE wherever `step` is used.
 */
import type { Queries } from "../ports/store.ts";
import { agentQueries } from "./agents/agents.ts";
import { poolQueries } from "./agents/pools.ts";
import { providerSettingsQueries } from "./agents/provider-settings.ts";
import type { QueryContext } from "./context.ts";
import { idQueries } from "./ids.ts";
import { metaQueries, requestQueries } from "./people/access.ts";
import { apiKeyQueries } from "./people/api-keys.ts";
import { attentionQueries } from "./people/attention.ts";
import { auditQueries } from "./people/audit.ts";
import { browserSessionQueries } from "./people/browser-sessions.ts";
import { organizationQueries } from "./people/organizations.ts";
import { statsQueries } from "./people/stats.ts";
import { tokenQueries } from "./people/tokens.ts";
import { jobQueries } from "./runs/jobs.ts";
import { runEventQueries } from "./runs/run-events.ts";
import { runQueries } from "./runs/runs.ts";
import { presenceQueries, replicaQueries } from "./upkeep/replicas.ts";
import { upkeepQueries } from "./upkeep/upkeep.ts";
import { uploadQueries } from "./upkeep/uploads.ts";
import { configurationQueries } from "./workspaces/configurations.ts";
import { stateAnnouncementQueries } from "./workspaces/state-announcements.ts";
import { stateQueries } from "./workspaces/states.ts";
import { variableSetQueries } from "./workspaces/variable-sets.ts";
import { formerSecretQueries, setVariableQueries, variableQueries } from "./workspaces/variables.ts";
import { workspaceQueries } from "./workspaces/workspaces.ts";

/** All queries over one connection. */
export const buildQueries = (context: QueryContext): Queries => ({
  meta: metaQueries(context),
  requests: requestQueries(context),
  // Nobody watches these: `watchedQueries` does.
  changes: { note: () => {} },
  ids: idQueries(context),
  audit: auditQueries(context),
  apiKeys: apiKeyQueries(context),
  browserSessions: browserSessionQueries(context),
  stats: statsQueries(context),
  attention: attentionQueries(context),
  organizations: organizationQueries(context),
  pools: poolQueries(context),
  providerSettings: providerSettingsQueries(context),
  tokens: tokenQueries(context),
  agents: agentQueries(context),
  workspaces: workspaceQueries(context),
  variables: variableQueries(context),
  variableSets: variableSetQueries(context),
  setVariables: setVariableQueries(context),
  formerSecrets: formerSecretQueries(context),
  configurations: configurationQueries(context),
  runs: runQueries(context),
  runEvents: runEventQueries(context),
  jobs: jobQueries(context),
  states: stateQueries(context),
  stateAnnouncements: stateAnnouncementQueries(context),
  uploads: uploadQueries(context),
  upkeep: upkeepQueries(context),
  replicas: replicaQueries(context),
  presences: presenceQueries(context),
});
