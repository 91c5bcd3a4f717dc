import { listenAddress, listenAddressOrOff } from "../lib/net/listen-address.ts";
import { networks } from "../lib/net/networks.ts";
import { pathPrefix } from "../lib/net/path-prefix.ts";
import { choice, durationMs, flag, integer, path, sizeBytes, text } from "../lib/setting-schemas.ts";
import { optionalSetting, settingsWith } from "../lib/settings.ts";
import { jobSettings, sandboxes } from "./jobs.ts";
import { fewestKeptStates, keepDuration, keptStates } from "./kept-times.ts";
import { publicUrl } from "./public-url.ts";
import { logSettings } from "./shared.ts";
import { storageSettings } from "./storage.ts";

const { setting, optional } = settingsWith("WINDLASS");

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const mebibyte = 2 ** 20;

const upTo = 1_000_000;

/** Every setting of windlassd: flag, else variable, else the file its `_FILE` variable names, else --config, else the default. */
export const serverSettings = {
  config: optional({
    flag: "config",
    env: "WINDLASS_SERVER_CONFIG",
    about: "YAML file with settings, by the names of the flags; flags and variables win over it",
    schema: path("FILE"),
  }),
  migrate: setting(
    {
      flag: "migrate",
      about: "what a start does with an older database: auto (upgrade it), check (refuse) or off (take it as it is)",
      schema: choice("auto", "check", "off"),
    },
    "auto",
  ),
  agentReleases: optional({
    flag: "agent-releases",
    about: "agent versions and their signed manifest, which agents are offered: a directory, or its http(s) address",
    schema: text("DIR|URL"),
  }),
  keepRuns: optional({
    flag: "keep-runs",
    about: "how long ended runs are kept with their logs and plans; never deletes a workspace's newest",
    otherwise: "for ever",
    schema: keepDuration(),
  }),
  keepLogs: optional({
    flag: "keep-logs",
    about: "how long the logs of ended runs are kept",
    otherwise: "as long as the run",
    schema: keepDuration(),
  }),
  archiveLogsAfter: optional({
    flag: "archive-logs-after",
    about: "how long after their jobs have ended complete logs move to the objects, encrypted; they are read as before",
    otherwise: "never",
    schema: keepDuration(),
  }),
  keepConfigs: optional({
    flag: "keep-configs",
    about: "how long configurations are kept that no run uses; never deletes a workspace's newest",
    otherwise: "for ever",
    schema: keepDuration(),
  }),
  keepStates: optional({
    flag: "keep-states",
    about: `how many superseded states of a workspace are kept, or how long; never deletes the last ${fewestKeptStates}, nor those of kept runs`,
    otherwise: "for ever",
    schema: keptStates(),
  }),
  keepAudit: optional({
    flag: "keep-audit",
    about: "how long audit records are kept",
    otherwise: "for ever",
    schema: keepDuration(),
  }),
  endedKeyTtl: setting(
    {
      flag: "ended-key-ttl",
      about: "how long API keys and agent tokens are listed that were revoked or have expired",
      schema: durationMs(),
    },
    90 * day,
  ),
  exitedAgentTtl: setting(
    { flag: "exited-agent-ttl", about: "how long agents are listed that have said good-bye", schema: durationMs() },
    hour,
  ),
  lostAgentTtl: setting(
    {
      flag: "lost-agent-ttl",
      about: "how long agents are listed that were lost; those of which a job is still open stay",
      schema: durationMs(),
    },
    7 * day,
  ),
  listen: setting(
    { flag: "listen", about: "address to listen on", schema: listenAddress() },
    { host: "127.0.0.1", port: 7070 },
  ),
  allowPlaintext: setting(
    {
      flag: "allow-plaintext",
      about: "serve without TLS although other machines reach the address",
      schema: flag(),
    },
    false,
  ),
  movedDatabase: setting(
    {
      flag: "moved-database",
      about: "serve a database or data directory that was moved here while no windlassd served it; needed once",
      schema: flag(),
    },
    false,
  ),
  tlsCertFile: optional({
    flag: "tls-cert-file",
    about: "PEM file with the TLS certificate chain",
    schema: path("FILE"),
  }),
  tlsKeyFile: optional({ flag: "tls-key-file", about: "PEM file with the TLS private key", schema: path("FILE") }),
  dataDir: optional({
    flag: "data-dir",
    about: "directory for database, logs, objects and keys",
    schema: path("DIR"),
    otherwise: "$STATE_DIRECTORY, else the user's data directory",
  }),
  ...storageSettings,
  masterKey: optionalSetting({
    env: "WINDLASS_MASTER_KEY",
    about: "master key, 64 hex digits",
    otherwise: "master.key in the data directory, made at the first start",
    schema: text(),
    isSecret: true,
  }),
  adminTokenFile: optional({
    flag: "admin-token-file",
    env: "WINDLASS_ADMIN_TOKEN_FILE_PATH",
    about: "where the first start writes the admin API key",
    otherwise: "admin-token in the data directory",
    schema: path("FILE"),
  }),
  organization: setting(
    {
      flag: "organization",
      env: "WINDLASS_DEFAULT_ORGANIZATION",
      about: "name of the organization that the first start creates",
      schema: text("NAME"),
    },
    "default",
  ),
  heartbeatInterval: setting(
    { flag: "heartbeat-interval", about: "how often agents send a heartbeat", schema: durationMs() },
    10 * second,
  ),
  agentUnknownAfter: setting(
    { flag: "agent-unknown-after", about: "silence after which an agent is unknown", schema: durationMs() },
    45 * second,
  ),
  agentErroredAfter: setting(
    { flag: "agent-errored-after", about: "silence after which an agent is errored", schema: durationMs() },
    5 * minute,
  ),
  offerLease: setting(
    {
      flag: "offer-lease",
      about: "how long an agent may take to prepare a job while nothing of what it needs arrives there",
      schema: durationMs(),
    },
    minute,
  ),
  planLease: setting(
    { flag: "plan-lease", about: "silence after which a plan is tried again elsewhere", schema: durationMs() },
    2 * minute,
  ),
  applyGrace: setting(
    {
      flag: "apply-grace",
      about: "silence after which an apply is interrupted, its outcome unknown",
      schema: durationMs(),
    },
    10 * minute,
  ),
  queueTimeout: setting(
    {
      flag: "queue-timeout",
      about: "how long a run may wait for its workspace or an agent before it is canceled, if it says nothing else",
      schema: durationMs(),
    },
    day,
  ),
  planTimeout: setting(
    {
      flag: "plan-timeout",
      about: "how long a plan may take before it is canceled, unless its workspace says otherwise; 0 is for ever",
      schema: durationMs(),
    },
    2 * hour,
  ),
  applyTimeout: setting(
    {
      flag: "apply-timeout",
      about: "how long an apply may take before it is canceled, unless its workspace says otherwise; 0 is for ever",
      schema: durationMs(),
    },
    day,
  ),
  initTimeout: setting(
    {
      flag: "init-timeout",
      about: "how long init may take before it is ended, unless its workspace says otherwise; 0 is for ever",
      schema: durationMs(),
    },
    10 * minute,
  ),
  maxConfigSize: setting(
    { flag: "max-config-size", about: "largest configuration archive", schema: sizeBytes() },
    100 * mebibyte,
  ),
  maxStateSize: setting({ flag: "max-state-size", about: "largest state", schema: sizeBytes() }, 256 * mebibyte),
  maxPlanFilesSize: setting(
    {
      flag: "max-plan-files-size",
      about: "files that a plan makes and its apply gets, in all; 0 is none",
      schema: sizeBytes(),
    },
    256 * mebibyte,
  ),
  maxLogSize: setting(
    { flag: "max-log-size", about: "largest log of a job; the agent cuts it there, visibly", schema: sizeBytes() },
    64 * mebibyte,
  ),
  rateLimit: setting(
    {
      flag: "rate-limit",
      about: "calls a second of one API key at one replica, with bursts of twice that; 0 is no limit",
      schema: integer(0, upTo),
    },
    500,
  ),
  authFailureLimit: setting(
    {
      flag: "auth-failure-limit",
      about:
        "credentials a minute that one address may have rejected at one replica before it is told to wait; 0 is no limit",
      schema: integer(0, upTo),
    },
    600,
  ),
  maxQueuedRuns: setting(
    {
      flag: "max-queued-runs",
      about: "runs of one workspace that have not ended, at most; 0 is no limit",
      schema: integer(0, upTo),
    },
    500,
  ),
  maxAgentsPerToken: setting(
    {
      flag: "max-agents-per-token",
      about: "agents of one agent token, at most; those that are gone longest make room for new ones; 0 is no limit",
      schema: integer(0, upTo),
    },
    5_000,
  ),
  registrationRate: setting(
    {
      flag: "registration-rate",
      about: "agents that one agent token may register for the first time within a minute; 0 is no limit",
      schema: integer(0, upTo),
    },
    600,
  ),
  trustedProxies: optional({
    flag: "trusted-proxies",
    about:
      "addresses and networks of proxies that are believed about who calls (X-Forwarded-For, Forwarded), such as 10.0.0.0/8,::1; nobody else is",
    schema: networks(),
  }),
  forwardedHeader: setting(
    {
      flag: "forwarded-header",
      about:
        "header in which the trusted proxies say who calls: x-forwarded-for, forwarded, or auto (Forwarded where there is no X-Forwarded-For)",
      schema: choice("auto", "x-forwarded-for", "forwarded"),
    },
    "auto",
  ),
  proxyProtocol: setting(
    {
      flag: "proxy-protocol",
      about:
        "connections of the trusted proxies begin with a PROXY protocol header, version 1 or 2, or are refused; those of others never do",
      schema: flag(),
    },
    false,
  ),
  pathPrefix: optional({
    flag: "path-prefix",
    about:
      "path below which a proxy serves this server and which it passes on, such as /windlass for https://host/windlass",
    schema: pathPrefix(),
  }),
  publicUrl: optional({
    flag: "public-url",
    about:
      "how people reach this server, such as https://windlass.example.com: what programs print as links, and from where browsers may call",
    otherwise: "as each caller reaches it",
    schema: publicUrl(),
  }),
  noWeb: setting({ flag: "no-web", about: "do not serve the UI for browsers", schema: flag() }, false),
  serverAgentConcurrency: setting(
    {
      flag: "server-agent-concurrency",
      about: "how many jobs of remote workspaces run here at once; 0 is no server agent",
      schema: integer(0, 100),
    },
    1,
  ),
  ...jobSettings("WINDLASS_SERVER"),
  sandbox: setting(
    {
      flag: "sandbox",
      env: "WINDLASS_SERVER_SANDBOX",
      about:
        "how jobs of the server agent are kept apart: auto or bwrap (where it does not work, there is no server agent), or none: they can read the master key",
      schema: sandboxes,
    },
    "auto",
  ),
  noReflection: setting({ flag: "no-reflection", about: "do not serve gRPC reflection", schema: flag() }, false),
  metricsListen: setting(
    {
      flag: "metrics-listen",
      about: "address of /metrics (Prometheus), /healthz and /readyz, plain HTTP; off is none",
      schema: listenAddressOrOff(),
    },
    null,
  ),
  shutdownTimeout: setting(
    {
      flag: "shutdown-timeout",
      about: "how long a stop may take, whatever the database does: calls get three quarters of it to end",
      schema: durationMs(),
    },
    30 * second,
  ),
  tfeHold: setting(
    {
      flag: "tfe-hold",
      about:
        "how long reads of logs by the terraform program, and of runs by who asks for it, are held until something happens; 0s answers at once",
      schema: durationMs(),
    },
    20 * second,
  ),
  ...logSettings,
};
