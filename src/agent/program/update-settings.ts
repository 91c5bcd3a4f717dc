import { readFileSync } from "node:fs";
import type { Environment } from "../../lib/environment.ts";
import type { Launch, UpdateConfig } from "../contract/update-talk.ts";
import type { AgentSettings } from "./agent-settings.ts";

const ownPackage = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");

/** The keys that a release was made with: base64 of 32 bytes each. There are none in a checkout. */
const { updateKeys = [] }: { readonly updateKeys?: readonly string[] } = JSON.parse(ownPackage);

/** Set by the launcher, for the process that it starts. */
const launcherVariable = "WINDLASS_LAUNCHER";

/** What the agent was told of updates, and how it was started. */
export const updateConfigOf = (
  { autoUpdate, updateMaxWait, updateTrial, updateUrl }: AgentSettings,
  { environment, ca }: { readonly environment: Environment; readonly ca: string | undefined },
): UpdateConfig => ({
  strategy: autoUpdate,
  maxWaitMs: updateMaxWait,
  trialMs: updateTrial,
  url: updateUrl === undefined ? undefined : new URL(updateUrl),
  authorities: ca === undefined ? undefined : [ca],
  keys: updateKeys,
  launch: launchOf(environment[launcherVariable] ?? ""),
});

function launchOf(text: string): Launch | undefined {
  const [, pid, installed, trial, versions] = /^(\d+) (\S+) (\S+) (.+)$/s.exec(text) ?? [];
  if (pid === undefined || installed === undefined || versions === undefined) return undefined;
  return { pid: Number(pid), installed, isTrial: trial !== "-", versions };
}
