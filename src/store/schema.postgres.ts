import { postgresKit } from "./engine/kit.ts";
import { defineBytes } from "./tables/bytes.ts";
import { defineTables } from "./tables/tables.ts";

/** What drizzle-kit compares the PostgreSQL migrations with: there, logs and objects are tables too. */
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
  replicas,
  presences,
} = defineTables(postgresKit);

export const { logStreams, logPieces, logTimes, blobs, blobUploads, blobPieces } = defineBytes(postgresKit);
