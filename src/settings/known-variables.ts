import { failpointVariables } from "../lib/program/failpoint.ts";
import { settingVariables } from "../lib/settings.ts";
import { agentSettings } from "./agent.ts";
import { clientSettings } from "./client.ts";
import { serverSettings } from "./server.ts";

/** Every variable that windlass, windlassd or windlass-agent reads: in one environment with the others none of them is a mistake. */
export const knownVariables: readonly string[] = [
  ...new Set([
    ...[serverSettings, agentSettings, clientSettings].flatMap(settingVariables),
    ...failpointVariables,
    "WINDLASS_LAUNCHER",
  ]),
].sort();
