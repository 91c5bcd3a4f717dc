import { join, resolve } from "node:path";
import type { AgentConfig } from "../agent/contract/config.ts";
import { engineDownloadsOf } from "../agent/program/engine-settings.ts";
import { providerConfigOf } from "../agent/program/provider-settings.ts";
import { secretFilesOf } from "../agent/sandbox/hidden-paths.ts";
import type { Environment } from "../lib/environment.ts";
import { version } from "../lib/program/version.ts";
import { defaultsOf } from "../lib/settings.ts";
import { agentSettings } from "../settings/agent.ts";
import { serverSettings } from "../settings/server.ts";
import type { ServerSettings } from "./settings.ts";

/** What the jobs of the server's own agent may not see: the server's data, and its secrets wherever they lie. */
export const hiddenFromJobs = (
  { tlsKeyFile, config }: ServerSettings,
  { dataDir, environment }: { readonly dataDir: string; readonly environment: Environment },
): readonly string[] =>
  [dataDir, tlsKeyFile, config, ...secretFilesOf(serverSettings, environment)].flatMap((path) =>
    path === undefined ? [] : [resolve(path)],
  );

/** How the server's own agent is set up; what is wrong with its settings was said before. */
export function serverAgentConfig(
  settings: ServerSettings,
  { dataDir, environment }: { readonly dataDir: string; readonly environment: Environment },
): AgentConfig {
  const downloads = engineDownloadsOf(settings, []);
  const { workDir, minFreeDisk, diskReserve } = defaultsOf(agentSettings);
  return {
    dataDir: join(dataDir, "server-agent"),
    workRoot: workDir,
    name: "server-agent",
    labels: {},
    concurrency: settings.serverAgentConcurrency,
    version,
    isServerAgent: true,
    searchPath: environment.PATH ?? "",
    // Never `auto`: that could end in none. Where bubblewrap does not work, there is no server agent.
    sandbox: settings.sandbox === "none" ? "none" : "bwrap",
    sandboxPaths: settings.sandboxPaths,
    hiddenPaths: hiddenFromJobs(settings, { dataDir, environment }),
    minFreeBytes: minFreeDisk,
    reserveBytes: diskReserve,
    enginePaths: settings.enginePaths,
    engineDownloads: downloads === undefined ? undefined : { ...downloads, environment },
    ...providerConfigOf(settings, environment, []),
  };
}
