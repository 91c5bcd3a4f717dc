import envPaths from "env-paths";
import type { Environment } from "../../lib/environment.ts";
import { listenAddressOrOff } from "../../lib/net/listen-address.ts";
import { logFormats, logLevels } from "../../lib/program/log.ts";
import { choice, durationMs, flag, integer, parsed, path, sizeBytes, text } from "../../lib/setting-schemas.ts";
import { optionalSetting, setting } from "../../lib/settings.ts";
import {
  defaultKeptBytes,
  defaultKeptForMs,
  defaultMinFreeBytes,
  defaultReserveBytes,
  defaultWorkRoot,
  sandboxModes,
} from "../contract/config.ts";
import { agentNamePattern } from "../contract/identity.ts";
import { engineSettings } from "./engine-settings.ts";
import { acceptedPhases, labels } from "./label-settings.ts";
import { providerSettings } from "./provider-settings.ts";
import { sandboxPathSettings } from "./sandbox-settings.ts";

const agentName = () =>
  parsed("a name of letters, digits, dots, dashes and underscores", (name) =>
    agentNamePattern.test(name) ? name : undefined,
  );

/** The settings of `windlass-agent`. */
export const agentSettings = (environment: Environment) => ({
  address: setting(
    { about: "the control plane", flag: "address", env: "WINDLASS_ADDRESS", schema: text() },
    "http://127.0.0.1:7070",
  ),
  token: optionalSetting({ about: "the agent token", env: "WINDLASS_AGENT_TOKEN", schema: text(), isSecret: true }),
  tokenFile: optionalSetting({ about: "a file with the agent token", flag: "token-file", schema: path() }),
  name: optionalSetting({
    about: "name for people; <hostname>-<4 characters> if absent",
    flag: "name",
    env: "WINDLASS_AGENT_NAME",
    schema: agentName(),
  }),
  labels: setting(
    {
      about: "labels for selectors, k=v,k,…; os, arch and name come by themselves",
      flag: "labels",
      env: "WINDLASS_AGENT_LABELS",
      schema: labels(),
    },
    {},
  ),
  accept: setting(
    {
      about: "which jobs it takes; an agent that only plans can do with credentials that only read",
      flag: "accept",
      env: "WINDLASS_AGENT_ACCEPT",
      schema: acceptedPhases(),
    },
    "plan,apply",
  ),
  single: setting(
    { about: "leave after one job", flag: "single", env: "WINDLASS_AGENT_SINGLE", schema: flag() },
    false,
  ),
  maxJobs: setting(
    {
      about: "leave after so many jobs, of which a plan and its apply are two; 0 is never",
      flag: "max-jobs",
      env: "WINDLASS_AGENT_MAX_JOBS",
      schema: integer(0, 1_000_000),
    },
    0,
  ),
  idleTimeout: setting(
    {
      about: "leave after so long without a job; 0 is never",
      flag: "idle-timeout",
      env: "WINDLASS_AGENT_IDLE_TIMEOUT",
      schema: durationMs(),
    },
    0,
  ),
  idleProbe: setting(
    {
      about: "doctor: also look for a proxy that ends streams which are silent for so long; 0 looks for none",
      flag: "idle",
      env: "WINDLASS_AGENT_DOCTOR_IDLE",
      schema: durationMs(),
    },
    0,
  ),
  concurrency: setting(
    { about: "jobs at once", flag: "concurrency", env: "WINDLASS_AGENT_CONCURRENCY", schema: integer(1, 1000) },
    1,
  ),
  dataDir: setting(
    { about: "the agent's own directory", flag: "data-dir", env: "WINDLASS_AGENT_DATA_DIR", schema: path() },
    environment.STATE_DIRECTORY ?? envPaths("windlass-agent", { suffix: "" }).data,
  ),
  workDir: setting(
    {
      about: "where runs see their files; the same on every agent of a pool",
      flag: "work-dir",
      env: "WINDLASS_AGENT_WORK_DIR",
      schema: path(),
    },
    defaultWorkRoot,
  ),
  ...engineSettings("WINDLASS_AGENT"),
  ...providerSettings("WINDLASS_AGENT"),
  minFreeDisk: setting(
    { about: "take no job with less", flag: "min-free-disk", env: "WINDLASS_AGENT_MIN_FREE_DISK", schema: sizeBytes() },
    defaultMinFreeBytes,
  ),
  sandbox: setting(
    {
      about: "how jobs are kept apart; auto is bwrap where it works, else none",
      flag: "sandbox",
      env: "WINDLASS_AGENT_SANDBOX",
      schema: choice(...sandboxModes),
    },
    "auto",
  ),
  ...sandboxPathSettings("WINDLASS_AGENT"),
  diskReserve: setting(
    {
      about: "space kept for states when the disk is full; 0 is none",
      flag: "disk-reserve",
      env: "WINDLASS_AGENT_DISK_RESERVE",
      schema: sizeBytes(),
    },
    defaultReserveBytes,
  ),
  keptJobsFor: setting(
    {
      about: "how long the directory of a job is kept from which something could not be delivered; 0 is for ever",
      flag: "kept-jobs-for",
      env: "WINDLASS_AGENT_KEPT_JOBS_FOR",
      schema: durationMs(),
    },
    defaultKeptForMs,
  ),
  keptJobsSize: setting(
    {
      about: "how much room these directories may take; 0 is any",
      flag: "kept-jobs-size",
      env: "WINDLASS_AGENT_KEPT_JOBS_SIZE",
      schema: sizeBytes(),
    },
    defaultKeptBytes,
  ),
  caFile: optionalSetting({
    about: "authorities of the server, PEM; the system's if absent",
    flag: "ca-file",
    env: "WINDLASS_CA_FILE",
    schema: path(),
  }),
  certFile: optionalSetting({
    about: "client certificate, PEM",
    flag: "cert-file",
    env: "WINDLASS_CERT_FILE",
    schema: path(),
  }),
  keyFile: optionalSetting({ about: "its key, PEM", flag: "key-file", env: "WINDLASS_KEY_FILE", schema: path() }),
  serverName: optionalSetting({
    about: "name in the server's certificate",
    flag: "server-name",
    env: "WINDLASS_SERVER_NAME",
    schema: text(),
  }),
  httpListen: setting(
    {
      about: "address of /metrics (Prometheus), /healthz and /readyz, plain HTTP; off is none",
      flag: "http-listen",
      env: "WINDLASS_AGENT_HTTP_LISTEN",
      schema: listenAddressOrOff(),
    },
    null,
  ),
  logLevel: setting(
    { about: "least important records", flag: "log-level", env: "WINDLASS_LOG_LEVEL", schema: choice(...logLevels) },
    "info",
  ),
  logFormat: setting(
    { about: "form of the log", flag: "log-format", env: "WINDLASS_LOG_FORMAT", schema: choice(...logFormats) },
    "auto",
  ),
});
