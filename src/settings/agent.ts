import { agentNamePattern } from "../lib/agent-names.ts";
import { listenAddressOrOff } from "../lib/net/listen-address.ts";
import { choice, durationMs, flag, integer, parsed, path, sizeBytes, text } from "../lib/setting-schemas.ts";
import { optionalSetting, settingsWith } from "../lib/settings.ts";
import { addresses } from "../lib/way/addresses.ts";
import { logLevelIn, phasesIn } from "./hcp-agent.ts";
import { hookSettings } from "./hooks.ts";
import { jobSettings, mirrorAddress, sandboxes } from "./jobs.ts";
import { acceptedPhases, labels } from "./labels.ts";
import { logSettings, tlsSettings } from "./shared.ts";

const { setting, optional } = settingsWith("WINDLASS_AGENT");

const agentName = () =>
  parsed(
    "a name of letters, digits, dots, dashes and underscores",
    (name) => (agentNamePattern.test(name) ? name : undefined),
    "NAME",
  );

/** Every setting of windlass-agent: flag, else variable, else the file its `_FILE` variable names, else the default. */
export const agentSettings = {
  address: setting(
    {
      flag: "address",
      env: "WINDLASS_ADDRESS",
      about: "the control plane; one that has several is called where it answers",
      schema: addresses(),
    },
    ["http://127.0.0.1:7070"],
  ),
  token: optionalSetting({
    env: "WINDLASS_AGENT_TOKEN",
    about: "the agent token",
    schema: text(),
    isSecret: true,
    alias: { env: "TFC_AGENT_TOKEN" },
  }),
  tokenFile: optionalSetting({ flag: "token-file", about: "a file with the agent token", schema: path("FILE") }),
  name: optional({
    flag: "name",
    about: "name for people; <hostname>-<4 characters> if absent",
    schema: agentName(),
    alias: { env: "TFC_AGENT_NAME" },
  }),
  identityTokenFile: optional({
    flag: "identity-token-file",
    about: "a file with an OpenID Connect token in place of an agent token: the pool has to trust its issuer",
    schema: path("FILE"),
  }),
  pool: optional({
    flag: "pool",
    about: "which pool the identity of --identity-token-file is for",
    schema: parsed(
      "the names of an organization and of its pool such as acme/prod",
      (text) => (/^[^/\s]+\/[^/\s]+$/.test(text) ? text : undefined),
      "ORG/POOL",
    ),
  }),
  labels: setting(
    { flag: "labels", about: "labels for selectors, k=v,k,…; os, arch and name come by themselves", schema: labels() },
    {},
  ),
  accept: setting(
    {
      flag: "accept",
      about: "which jobs it takes; an agent that only plans can do with credentials that only read",
      schema: acceptedPhases(),
      alias: { env: "TFC_AGENT_ACCEPT", asOurs: phasesIn },
    },
    "plan,apply",
  ),
  single: setting(
    { flag: "single", about: "leave after one job", schema: flag(), alias: { env: "TFC_AGENT_SINGLE" } },
    false,
  ),
  maxJobs: setting(
    {
      flag: "max-jobs",
      about: "leave after so many jobs, of which a plan and its apply are two; 0 is never",
      schema: integer(0, 1_000_000),
    },
    0,
  ),
  idleTimeout: setting(
    { flag: "idle-timeout", about: "leave after so long without a job; 0 is never", schema: durationMs() },
    0,
  ),
  idleProbe: setting(
    {
      flag: "idle",
      env: "WINDLASS_AGENT_DOCTOR_IDLE",
      about: "doctor: also look for a proxy that ends streams which are silent for so long; 0 looks for none",
      schema: durationMs(),
    },
    0,
  ),
  concurrency: setting({ flag: "concurrency", about: "jobs at once", schema: integer(1, 1000) }, 1),
  dataDir: optional({
    flag: "data-dir",
    about: "the agent's own directory",
    schema: path("DIR"),
    otherwise: "$STATE_DIRECTORY, else the user's data directory",
    alias: { env: "TFC_AGENT_DATA_DIR" },
  }),
  workDir: setting(
    { flag: "work-dir", about: "where runs see their files; the same on every agent of a pool", schema: path("DIR") },
    "/tmp/windlass-work",
  ),
  ...jobSettings("WINDLASS_AGENT"),
  ...hookSettings,
  minFreeDisk: setting({ flag: "min-free-disk", about: "take no job with less", schema: sizeBytes() }, 64 * 2 ** 20),
  sandbox: setting(
    {
      flag: "sandbox",
      about: "how jobs are kept apart; auto is bwrap where it works, else none",
      schema: sandboxes,
    },
    "auto",
  ),
  diskReserve: setting(
    { flag: "disk-reserve", about: "space kept for states when the disk is full; 0 is none", schema: sizeBytes() },
    64 * 2 ** 20,
  ),
  keptJobsFor: setting(
    {
      flag: "kept-jobs-for",
      about: "how long the directory of a job is kept from which something could not be delivered; 0 is for ever",
      schema: durationMs(),
    },
    7 * 24 * 3_600_000,
  ),
  keptJobsSize: setting(
    { flag: "kept-jobs-size", about: "how much room these directories may take; 0 is any", schema: sizeBytes() },
    2 ** 30,
  ),
  autoUpdate: setting(
    {
      flag: "auto-update",
      about: "how far the server may move this agent to other versions: a bound that the server cannot lift",
      schema: choice("minor", "patch", "disabled"),
      alias: { env: "TFC_AGENT_AUTO_UPDATE" },
    },
    "patch",
  ),
  updateUrl: optional({
    flag: "update-url",
    about: "where manifest and versions are fetched",
    otherwise: "the server",
    schema: mirrorAddress(),
    isSecret: true,
  }),
  updateMaxWait: setting(
    {
      flag: "update-max-wait",
      about: "how long a version waits for a moment without a job; after that it takes over the running ones",
      schema: durationMs(),
    },
    24 * 3_600_000,
  ),
  updateTrial: setting(
    { flag: "update-trial", about: "how long another version may take to prove itself", schema: durationMs() },
    180_000,
  ),
  ...tlsSettings(),
  httpListen: setting(
    {
      flag: "http-listen",
      about: "address of /metrics (Prometheus), /healthz and /readyz, plain HTTP; off is none",
      schema: listenAddressOrOff(),
    },
    null,
  ),
  ...logSettings,
  logLevel: {
    ...logSettings.logLevel,
    alias: { env: "TFC_AGENT_LOG_LEVEL", asOurs: logLevelIn },
  },
};
