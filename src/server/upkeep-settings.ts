import { type KeptStates, lastStates, type Retention } from "../domain/people/retention.ts";
import { choice, durationMs, parsed, path, type SettingSchema, settingText, written } from "../lib/setting-schemas.ts";
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

/** More than anybody looks through, and few enough to be counted at each look. */
const mostKeptStates = 10_000;

/** A number of states, or how long they are kept. */
const keptStates = (): SettingSchema<KeptStates> => {
  const duration = keepDuration();
  const parse = (value: string): KeptStates | undefined => {
    if (/^\d+$/.test(value)) {
      const count = Number(value);
      return count >= lastStates && count <= mostKeptStates ? { kind: "count", count } : undefined;
    }
    const read = duration.safeParse(value);
    return read.success ? { kind: "age", ms: read.data } : undefined;
  };
  const expected = `a number from ${lastStates} to ${mostKeptStates}, or a duration of at least 1h such as 90d`;
  return written(parsed(expected, parse), (keep) =>
    keep.kind === "count" ? String(keep.count) : settingText(duration, keep.ms),
  );
};

/** Where settings come from, how the database is brought up to date, and what is kept how long: settings of windlassd. */
export const upkeepSettings = {
  config: optionalSetting({
    about: "YAML file with settings, by the names of the flags; flags and variables win over it",
    flag: "config",
    env: "WINDLASS_SERVER_CONFIG",
    schema: path(),
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
  keepStates: optionalSetting({
    about: `how many superseded states of a workspace are kept, or how long (default: for ever); never deletes the last ${lastStates}, nor those of kept runs`,
    flag: "keep-states",
    env: "WINDLASS_KEEP_STATES",
    schema: keptStates(),
  }),
  keepAudit: optionalSetting({
    about: "how long audit records are kept (default: for ever)",
    flag: "keep-audit",
    env: "WINDLASS_KEEP_AUDIT",
    schema: keepDuration(),
  }),
  endedKeyTtl: setting(
    {
      about: "how long API keys and agent tokens are listed that were revoked or have expired",
      flag: "ended-key-ttl",
      env: "WINDLASS_ENDED_KEY_TTL",
      schema: durationMs(),
    },
    90 * 24 * hourMs,
  ),
  exitedAgentTtl: setting(
    {
      about: "how long agents are listed that have said good-bye",
      flag: "exited-agent-ttl",
      env: "WINDLASS_EXITED_AGENT_TTL",
      schema: durationMs(),
    },
    hourMs,
  ),
  lostAgentTtl: setting(
    {
      about: "how long agents are listed that were lost; those of which a job is still open stay",
      flag: "lost-agent-ttl",
      env: "WINDLASS_LOST_AGENT_TTL",
      schema: durationMs(),
    },
    7 * 24 * hourMs,
  ),
} as const;

interface KeepSettings {
  readonly keepRuns: number | undefined;
  readonly keepLogs: number | undefined;
  readonly keepConfigs: number | undefined;
  readonly keepStates: KeptStates | undefined;
  readonly keepAudit: number | undefined;
  readonly endedKeyTtl: number;
  readonly exitedAgentTtl: number;
  readonly lostAgentTtl: number;
}

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
] as const satisfies readonly (keyof KeepSettings)[];

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
