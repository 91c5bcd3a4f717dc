import type { AgentConfig } from "../../agent/contract/config.ts";
import { checkEngine } from "../../agent/program/check-engine.ts";
import { checkCache, checkCliConfig, checkPassed, checkSources } from "../../agent/work/providers/check-providers.ts";
import { type Check, skip } from "../../lib/checks/check.ts";
import { releasesFix } from "../releases/agent-releases.ts";
import { serverAgentConfig } from "../server-agent-config.ts";
import { checkAdminKey, checkServerSandbox, keyFilesOf } from "../server-agent-sandbox.ts";
import type { DoctorContext } from "./context.ts";
import {
  checkAgentReleases,
  checkAgents,
  checkClock,
  checkListen,
  checkMasterKey,
  checkRetention,
  checkTls,
} from "./server-checks.ts";
import { checkBlobs, checkDatabase, checkDataDir, checkDisk, checkIntegrity, checkRoom } from "./storage-checks.ts";

/** A check of the server's own agent. */
const ofServerAgent =
  (id: string, look: (config: AgentConfig) => Promise<Check>): Look =>
  async ({ call: { settings, environment }, dataDir }) =>
    settings.serverAgentConcurrency === 0
      ? skip(id, "there is no server agent")
      : look(serverAgentConfig(settings, { dataDir, environment }));

const checkAdmin: Look = async ({ call: { settings }, dataDir }) =>
  checkAdminKey(dataDir, keyFilesOf(settings, dataDir));

const checkSandbox: Look = async ({ call: { settings, environment }, dataDir }) =>
  settings.serverAgentConcurrency === 0
    ? skip("sandbox", "there is no server agent")
    : checkServerSandbox(settings, environment, keyFilesOf(settings, dataDir));

type Look = (context: DoctorContext) => Promise<Check>;

/** Every check, in the order in which a start would need it, with what to do if it cannot be made. */
export const looks: readonly (readonly [id: string, fix: string, look: Look])[] = [
  ["data-dir", "check the directory and its owner", checkDataDir],
  ["disk", "check the disk", checkDisk],
  ["database", "check --database-url, and that the database runs", checkDatabase],
  ["integrity", "restore the newest backup: windlassd restore FILE --force", checkIntegrity],
  ["free-room", "check the files of the data directory", checkRoom],
  [
    "blobs",
    "check the disk and the owner of the data directory, or --blob-url and the rights of its keys (docs/objects.md)",
    checkBlobs,
  ],
  ["retention", "", checkRetention],
  ["master-key", "put the right key back", checkMasterKey],
  ["admin-key", "", checkAdmin],
  ["listen", "choose another --listen", checkListen],
  ["tls", "check --tls-cert-file and --tls-key-file", checkTls],
  ["agents", "", checkAgents],
  ["agent-releases", releasesFix, checkAgentReleases],
  ["sandbox", "install bubblewrap", checkSandbox],
  ["engine", "install terraform or tofu", ofServerAgent("engine", checkEngine)],
  ["cli-config", "correct the file of --cli-config", ofServerAgent("cli-config", checkCliConfig)],
  ["pass-env", "correct the variables", ofServerAgent("pass-env", checkPassed)],
  ["providers", "see docs/providers.md", ofServerAgent("providers", checkSources)],
  [
    "provider-cache",
    "give the server's user the rights, or --provider-cache 0",
    ofServerAgent("provider-cache", checkCache),
  ],
  ["clock", "", checkClock],
];
