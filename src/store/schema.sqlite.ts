import { kitOfSqlite } from "./engine/boundary.ts";
import { defineTables } from "./tables/tables.ts";

/** What drizzle-kit compares the SQLite migrations with. */
export const {
  meta,
  requests,
  audit,
  organizations,
  apiKeys,
  browserSessions,
  pools,
  grants,
  tokens,
  agents,
  providerSettings,
  workspaces,
  workspaceTags,
  workspaceTagBindings,
  stateConsumers,
  variables,
  variableSets,
  variableSetWorkspaces,
  setVariables,
  formerSecrets,
  configurations,
  states,
  stateAnnouncements,
  runs,
  runEvents,
  jobs,
  uploads,
  uploadParts,
} = defineTables(kitOfSqlite);
