import type { Retention } from "../domain/people/retention.ts";
import type { ServerSettings } from "./settings.ts";

/** What decides how long things are kept. */
export const retentionSettings = [
  "keepRuns",
  "keepLogs",
  "keepConfigs",
  "keepStates",
  "keepAudit",
  "endedKeyTtl",
  "exitedAgentTtl",
  "lostAgentTtl",
] as const satisfies readonly (keyof ServerSettings)[];

type KeepSettings = Pick<ServerSettings, (typeof retentionSettings)[number]>;

export const retentionOf = ({
  keepRuns,
  keepLogs,
  keepConfigs,
  keepStates,
  keepAudit,
  endedKeyTtl,
  exitedAgentTtl,
  lostAgentTtl,
}: KeepSettings): Retention => ({
  runsMs: keepRuns ?? null,
  logsMs: keepLogs ?? null,
  configurationsMs: keepConfigs ?? null,
  exitedAgentsMs: exitedAgentTtl,
  lostAgentsMs: lostAgentTtl,
  states: keepStates ?? null,
  auditMs: keepAudit ?? null,
  endedKeysMs: endedKeyTtl,
});
