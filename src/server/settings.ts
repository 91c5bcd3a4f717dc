import { join } from "node:path";
import envPaths from "env-paths";
import type { Limits, Timing } from "../control/core/control.ts";
import type { Environment } from "../lib/environment.ts";
import type { SettingValues } from "../lib/settings.ts";
import type { serverSettings } from "../settings/server.ts";
import type { DatabasePlace } from "../store/postgres/settings.ts";

/** What windlassd was told, by the names of its settings. */
export type ServerSettings = SettingValues<typeof serverSettings>;

/** Where the server keeps its files: as told, else where the service manager says, else the user's data directory. */
export const dataDirOf = ({ dataDir }: ServerSettings, environment: Environment): string =>
  dataDir ?? environment.STATE_DIRECTORY ?? join(envPaths("windlass", { suffix: "" }).data, "server");

/** What is said of PostgreSQL. */
export type DatabaseSettings = Pick<
  ServerSettings,
  ("databaseUrl" | "databasePooling" | "databaseConnections") | ("databaseStatementTimeout" | "databasePasswordFile")
>;

/** The PostgreSQL database and how to ask it; undefined where there is none. */
export const databaseOf = (settings: DatabaseSettings): DatabasePlace | undefined =>
  settings.databaseUrl === undefined
    ? undefined
    : {
        url: settings.databaseUrl,
        settings: {
          pooling: settings.databasePooling,
          maxConnections: settings.databaseConnections,
          statementTimeoutMs: settings.databaseStatementTimeout,
          passwordFile: settings.databasePasswordFile,
        },
      };

/** The same for connections that belong to one process for long: past a pooler of transactions, if there is one. */
export const directOf = (
  settings: DatabaseSettings & Pick<ServerSettings, "databaseDirectUrl">,
): DatabasePlace | undefined =>
  databaseOf({
    ...settings,
    databaseUrl: settings.databaseUrl && (settings.databaseDirectUrl ?? settings.databaseUrl),
  });

/** What is wrong with what is said of PostgreSQL. */
export const databaseProblems = ({
  databaseUrl,
  databaseDirectUrl,
  databasePooling,
}: Pick<ServerSettings, "databaseUrl" | "databaseDirectUrl" | "databasePooling">): readonly string[] =>
  databaseUrl !== undefined && databasePooling === "transaction" && databaseDirectUrl === undefined
    ? ["--database-pooling transaction needs --database-direct-url: locks and notices go past the pooler"]
    : [];

export const limitsOf = (settings: ServerSettings): Limits => ({
  maxPlanBytes: 256 * 2 ** 20,
  logWindowBytes: 4 * 2 ** 20,
  maxConfigurationBytes: settings.maxConfigSize,
  maxStateBytes: settings.maxStateSize,
  maxPlanFilesBytes: settings.maxPlanFilesSize,
  maxLogBytes: settings.maxLogSize,
  callsPerSecond: settings.rateLimit,
  authFailuresPerMinute: settings.authFailureLimit,
  maxQueuedRuns: settings.maxQueuedRuns,
  maxAgentsPerToken: settings.maxAgentsPerToken,
  registrationsPerMinute: settings.registrationRate,
});

export const timingOf = (settings: ServerSettings): Timing => ({
  heartbeatMs: settings.heartbeatInterval,
  silence: { unknownMs: settings.agentUnknownAfter, erroredMs: settings.agentErroredAfter },
  leases: { offerMs: settings.offerLease, planMs: settings.planLease, applyMs: settings.applyGrace },
  restartGraceMs: Math.max(300_000, settings.planLease),
  logGraceMs: 600_000,
  queueTimeoutMs: settings.queueTimeout,
  planTimeoutMs: settings.planTimeout,
  applyTimeoutMs: settings.applyTimeout,
  initTimeoutMs: settings.initTimeout,
});
