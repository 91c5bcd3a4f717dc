import { realpath } from "node:fs/promises";
import { isAbsolute, normalize } from "node:path";
import type { ProviderMirror } from "../../../terraform/configuration/provider-sources.ts";
import type { AgentConfig } from "../../contract/config.ts";
import { isWithin } from "../../sandbox/bubblewrap.ts";

/**
 * Why a job may not use a mirror that the control plane names, as a sentence; undefined when it may. What a control
 * plane says opens no directory of the agent: a sandbox shows a mirror only where the agent's owner shows it anyway.
 */
export async function whyNotShown(
  mirror: ProviderMirror,
  { config, isSandboxed }: { readonly config: AgentConfig; readonly isSandboxed: boolean },
): Promise<string | undefined> {
  if (mirror.kind !== "filesystem") return undefined;
  const path = normalize(mirror.path);
  const said = `the setting providers names the directory ${path}`;
  if (!isAbsolute(path)) return `${said}, which is no absolute path: correct the setting`;
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined)
    return `${said}, which this agent does not have: bring the mirror there, or correct the setting`;
  if (!isSandboxed) return undefined;
  const shown = [...(config.sandboxPaths ?? []), "/usr"];
  if (shown.some((root) => isWithin(path, root))) return undefined;
  return `${said}, which this agent does not show to jobs: its owner has to add it to --sandbox-paths`;
}
