import type { Retention } from "../domain/retention.ts";
import { choice, durationMs, parsed, type SettingSchema, settingText, text, written } from "../lib/setting-schemas.ts";
import { optionalSetting, setting } from "../lib/settings.ts";

const hourMs = 3_600_000;

/** A duration of at least an hour: a shorter one is a mistake that deletes what was made just now. */
const keepDuration = (): SettingSchema<number> => {
  const duration = durationMs();
  const parse = (value: string): number | undefined => {
    const read = duration.safeParse(value);
    return read.success && read.data >= hourMs ? read.data : undefined;
  };
  return written(parsed("a duration of at least 1h such as 90d", parse), (value) => settingText(duration, value));
};

/** Where settings come from, how the database is brought up to date, and what is kept how long: settings of windlassd. */
export const upkeepSettings = {
  config: optionalSetting({
    about: "YAML file with settings, by the names of the flags; flags and variables win over it",
    flag: "config",
    env: "WINDLASS_SERVER_CONFIG",
    schema: text(),
  }),
  migrate: setting(
    {
      about: "what a start does with an older database: auto (upgrade it), check (refuse) or off (take it as it is)",
      flag: "migrate",
      env: "WINDLASS_MIGRATE",
      schema: choice("auto", "check", "off"),
    },
    "auto",
  ),
  keepRuns: optionalSetting({
    about:
      "how long ended runs are kept with their logs and plans (default: for ever); never deletes a workspace's newest",
    flag: "keep-runs",
    env: "WINDLASS_KEEP_RUNS",
    schema: keepDuration(),
  }),
  keepLogs: optionalSetting({
    about: "how long the logs of ended runs are kept (default: as long as the run)",
    flag: "keep-logs",
    env: "WINDLASS_KEEP_LOGS",
    schema: keepDuration(),
  }),
  keepConfigs: optionalSetting({
    about: "how long configurations are kept that no run uses (default: for ever); never deletes a workspace's newest",
    flag: "keep-configs",
    env: "WINDLASS_KEEP_CONFIGS",
    schema: keepDuration(),
  }),
  exitedAgentTtl: setting(
    {
      about: "how long agents are listed that have said good-bye",
      flag: "exited-agent-ttl",
      env: "WINDLASS_EXITED_AGENT_TTL",
      schema: durationMs(),
    },
    hourMs,
  ),
} as const;

interface KeepSettings {
  readonly keepRuns: number | undefined;
  readonly keepLogs: number | undefined;
  readonly keepConfigs: number | undefined;
  readonly exitedAgentTtl: number;
}

export const retentionOf = ({ keepRuns, keepLogs, keepConfigs, exitedAgentTtl }: KeepSettings): Retention => ({
  runsMs: keepRuns ?? null,
  logsMs: keepLogs ?? null,
  configurationsMs: keepConfigs ?? null,
  exitedAgentsMs: exitedAgentTtl,
});
