import { agentSettings } from "../src/agent/program/agent-settings.ts";
import { clientVariables } from "../src/cli/line/environment.ts";
import { failpointVariables } from "../src/lib/program/failpoint.ts";
import { settingVariables } from "../src/lib/settings.ts";
import { serverSettings } from "../src/server/settings.ts";

/** Prints the module that names every variable of the three programs: part of `scripts/generate`. */
const names = new Set([
  ...settingVariables(serverSettings),
  ...settingVariables(agentSettings({})),
  ...Object.keys(clientVariables),
  ...failpointVariables,
]);

process.stdout.write(`// Generated from the settings of the three programs by scripts/generate. DO NOT EDIT.

/**
 * Every variable that windlass, windlassd or windlass-agent reads: in one environment with the others none of them is a
 * mistake.
 */
export const programVariables: readonly string[] = [
${[...names]
  .sort()
  .map((name) => `  "${name}",\n`)
  .join("")}];
`);
