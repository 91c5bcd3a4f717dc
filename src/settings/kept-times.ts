import { durationMs, parsed, type SettingSchema, settingText, written } from "../lib/setting-schemas.ts";

const hourMs = 3_600_000;

/** A duration of at least an hour: a shorter one is a mistake that deletes what was made just now. */
export const keepDuration = (): SettingSchema<number> => {
  const duration = durationMs();
  const read = (text: string): number | undefined => {
    const ms = duration.read(text);
    return ms !== undefined && ms >= hourMs ? ms : undefined;
  };
  return written(parsed("a duration of at least 1h such as 90d", read, duration.placeholder), duration.write);
};

/** How many superseded states of a workspace are kept, or how long. */
type KeptStates = { readonly kind: "count"; readonly count: number } | { readonly kind: "age"; readonly ms: number };

/** So many are kept in any case. A test of the server holds it to the rule of the domain. */
export const fewestKeptStates = 3;
/** More than anybody looks through, and few enough to be counted at each look. */
const mostKeptStates = 10_000;

/** A number of states, or how long they are kept. */
export const keptStates = (): SettingSchema<KeptStates> => {
  const duration = keepDuration();
  const read = (text: string): KeptStates | undefined => {
    if (/^\d+$/.test(text)) {
      const count = Number(text);
      return count >= fewestKeptStates && count <= mostKeptStates ? { kind: "count", count } : undefined;
    }
    const ms = duration.read(text);
    return ms === undefined ? undefined : { kind: "age", ms };
  };
  const expected = `a number from ${fewestKeptStates} to ${mostKeptStates}, or ${duration.expected}`;
  return written(parsed(expected, read, `N|${duration.placeholder}`), (keep) =>
    keep.kind === "count" ? String(keep.count) : settingText(duration, keep.ms),
  );
};
