import envPaths from "env-paths";
import type { Environment } from "../../lib/environment.ts";
import type { SettingValues } from "../../lib/settings.ts";
import type { agentSettings } from "../../settings/agent.ts";

/** What windlass-agent was told, by the names of its settings. */
export type AgentSettings = SettingValues<typeof agentSettings>;

/** Where the agent keeps its files: as told, else where the service manager says, else the user's data directory. */
export const dataDirOf = ({ dataDir }: Pick<AgentSettings, "dataDir">, environment: Environment): string =>
  dataDir ?? environment.STATE_DIRECTORY ?? envPaths("windlass-agent", { suffix: "" }).data;
