import { join } from "node:path";
import envPaths from "env-paths";
import { sandboxModes } from "../agent/contract/config.ts";
import { engineSettings } from "../agent/program/engine-settings.ts";
import { providerSettings } from "../agent/program/provider-settings.ts";
import { sandboxPathSettings } from "../agent/program/sandbox-settings.ts";
import { defaultLimits, type Limits, type Timing } from "../control/core/control.ts";
import { defaultSilence } from "../domain/agents/agent.ts";
import { defaultLeases } from "../domain/runs/job.ts";
import type { Environment } from "../lib/environment.ts";
import { listenAddress, listenAddressOrOff } from "../lib/net/listen-address.ts";
import { logFormats, logLevels } from "../lib/program/log.ts";
import { choice, durationMs, flag, integer, path, sizeBytes, text } from "../lib/setting-schemas.ts";
import { optionalSetting, type SettingValues, setting } from "../lib/settings.ts";
import { postgresUrl } from "../store/engine/postgres-url.ts";
import { callLimitSettings } from "./limit-settings.ts";
import { phaseSettings } from "./phase-settings.ts";
import { proxySettings } from "./proxy-settings.ts";
import { upkeepSettings } from "./upkeep-settings.ts";

/** Every setting of windlassd: flag, else variable, else the file its `_FILE` variable names, else --config, else the default. */
export const serverSettings = {
  ...upkeepSettings,
  listen: setting(
    { about: "address to listen on", flag: "listen", env: "WINDLASS_LISTEN", schema: listenAddress() },
    { host: "127.0.0.1", port: 7070 },
  ),
  allowPlaintext: setting(
    {
      about: "serve without TLS although other machines reach the address",
      flag: "allow-plaintext",
      env: "WINDLASS_ALLOW_PLAINTEXT",
      schema: flag(),
    },
    false,
  ),
  movedDatabase: setting(
    {
      about: "serve a database or data directory that was moved here while no windlassd served it; needed once",
      flag: "moved-database",
      env: "WINDLASS_MOVED_DATABASE",
      schema: flag(),
    },
    false,
  ),
  tlsCertFile: optionalSetting({
    about: "PEM file with the TLS certificate chain",
    flag: "tls-cert-file",
    env: "WINDLASS_TLS_CERT_FILE",
    schema: path(),
  }),
  tlsKeyFile: optionalSetting({
    about: "PEM file with the TLS private key",
    flag: "tls-key-file",
    env: "WINDLASS_TLS_KEY_FILE",
    schema: path(),
  }),
  dataDir: optionalSetting({
    about: "directory for database, logs, objects and keys (default: $STATE_DIRECTORY, else the user's data directory)",
    flag: "data-dir",
    env: "WINDLASS_DATA_DIR",
    schema: path(),
  }),
  databaseUrl: optionalSetting({
    about: "postgres://… (default: SQLite in the data directory)",
    flag: "database-url",
    env: "WINDLASS_DATABASE_URL",
    schema: postgresUrl(),
    isSecret: true,
  }),
  masterKey: optionalSetting({
    about: "master key, 64 hex digits (default: master.key in the data directory, made at the first start)",
    env: "WINDLASS_MASTER_KEY",
    schema: text(),
    isSecret: true,
  }),
  adminTokenFile: optionalSetting({
    about: "where the first start writes the admin API key (default: admin-token in the data directory)",
    flag: "admin-token-file",
    env: "WINDLASS_ADMIN_TOKEN_FILE_PATH",
    schema: path(),
  }),
  organization: setting(
    {
      about: "name of the organization that the first start creates",
      flag: "organization",
      env: "WINDLASS_DEFAULT_ORGANIZATION",
      schema: text(),
    },
    "default",
  ),
  heartbeatInterval: setting(
    {
      about: "how often agents send a heartbeat",
      flag: "heartbeat-interval",
      env: "WINDLASS_HEARTBEAT_INTERVAL",
      schema: durationMs(),
    },
    10_000,
  ),
  agentUnknownAfter: setting(
    {
      about: "silence after which an agent is unknown",
      flag: "agent-unknown-after",
      env: "WINDLASS_AGENT_UNKNOWN_AFTER",
      schema: durationMs(),
    },
    defaultSilence.unknownMs,
  ),
  agentErroredAfter: setting(
    {
      about: "silence after which an agent is errored",
      flag: "agent-errored-after",
      env: "WINDLASS_AGENT_ERRORED_AFTER",
      schema: durationMs(),
    },
    defaultSilence.erroredMs,
  ),
  offerLease: setting(
    {
      about: "how long an agent may take to prepare a job while nothing of what it needs arrives there",
      flag: "offer-lease",
      env: "WINDLASS_OFFER_LEASE",
      schema: durationMs(),
    },
    defaultLeases.offerMs,
  ),
  planLease: setting(
    {
      about: "silence after which a plan is tried again elsewhere",
      flag: "plan-lease",
      env: "WINDLASS_PLAN_LEASE",
      schema: durationMs(),
    },
    defaultLeases.planMs,
  ),
  applyGrace: setting(
    {
      about: "silence after which an apply is interrupted, its outcome unknown",
      flag: "apply-grace",
      env: "WINDLASS_APPLY_GRACE",
      schema: durationMs(),
    },
    defaultLeases.applyMs,
  ),
  queueTimeout: setting(
    {
      about: "how long a run may wait for its workspace or an agent before it is canceled, if it says nothing else",
      flag: "queue-timeout",
      env: "WINDLASS_QUEUE_TIMEOUT",
      schema: durationMs(),
    },
    86_400_000,
  ),
  ...phaseSettings,
  maxConfigSize: setting(
    {
      about: "largest configuration archive",
      flag: "max-config-size",
      env: "WINDLASS_MAX_CONFIG_SIZE",
      schema: sizeBytes(),
    },
    defaultLimits.maxConfigurationBytes,
  ),
  maxStateSize: setting(
    { about: "largest state", flag: "max-state-size", env: "WINDLASS_MAX_STATE_SIZE", schema: sizeBytes() },
    defaultLimits.maxStateBytes,
  ),
  maxPlanFilesSize: setting(
    {
      about: "files that a plan makes and its apply gets, in all; 0 is none",
      flag: "max-plan-files-size",
      env: "WINDLASS_MAX_PLAN_FILES_SIZE",
      schema: sizeBytes(),
    },
    defaultLimits.maxPlanFilesBytes,
  ),
  maxLogSize: setting(
    {
      about: "largest log of a job; the agent cuts it there, visibly",
      flag: "max-log-size",
      env: "WINDLASS_MAX_LOG_SIZE",
      schema: sizeBytes(),
    },
    defaultLimits.maxLogBytes,
  ),
  ...callLimitSettings,
  ...proxySettings,
  serverAgentConcurrency: setting(
    {
      about: "how many jobs of remote workspaces run here at once; 0 is no server agent",
      flag: "server-agent-concurrency",
      env: "WINDLASS_SERVER_AGENT_CONCURRENCY",
      schema: integer(0, 100),
    },
    1,
  ),
  ...engineSettings("WINDLASS_SERVER"),
  ...providerSettings("WINDLASS_SERVER"),
  ...sandboxPathSettings("WINDLASS_SERVER"),
  sandbox: setting(
    {
      about:
        "how jobs of the server agent are kept apart: auto or bwrap (where it does not work, there is no server agent), or none: they can read the master key",
      flag: "sandbox",
      env: "WINDLASS_SERVER_SANDBOX",
      schema: choice(...sandboxModes),
    },
    "auto",
  ),
  noReflection: setting(
    { about: "do not serve gRPC reflection", flag: "no-reflection", env: "WINDLASS_NO_REFLECTION", schema: flag() },
    false,
  ),
  metricsListen: setting(
    {
      about: "address of /metrics (Prometheus), /healthz and /readyz, plain HTTP; off is none",
      flag: "metrics-listen",
      env: "WINDLASS_METRICS_LISTEN",
      schema: listenAddressOrOff(),
    },
    null,
  ),
  shutdownTimeout: setting(
    {
      about: "how long a stop waits for calls to end",
      flag: "shutdown-timeout",
      env: "WINDLASS_SHUTDOWN_TIMEOUT",
      schema: durationMs(),
    },
    30_000,
  ),
  logLevel: setting(
    {
      about: "debug, info, warn, error or silent",
      flag: "log-level",
      env: "WINDLASS_LOG_LEVEL",
      schema: choice(...logLevels),
    },
    "info",
  ),
  logFormat: setting(
    { about: "auto, json or pretty", flag: "log-format", env: "WINDLASS_LOG_FORMAT", schema: choice(...logFormats) },
    "auto",
  ),
} as const;

export type ServerSettings = SettingValues<typeof serverSettings>;

/** Where the server keeps its files: as told, else where the service manager says, else the user's data directory. */
export const dataDirOf = ({ dataDir }: ServerSettings, environment: Environment): string =>
  dataDir ?? environment.STATE_DIRECTORY ?? join(envPaths("windlass", { suffix: "" }).data, "server");

export const limitsOf = (settings: ServerSettings): Limits => ({
  ...defaultLimits,
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
