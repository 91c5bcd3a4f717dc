import { type Duration, durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Engine, ExecutionMode } from "../../gen/windlass/v1/workspace_pb.ts";
import { durationMs as durationSchema, settingText } from "../../lib/setting-schemas.ts";
import type { EngineWord } from "../terminal/words.ts";

const modes = { remote: ExecutionMode.REMOTE, agent: ExecutionMode.AGENT, local: ExecutionMode.LOCAL } as const;
const engines = { terraform: Engine.TERRAFORM, tofu: Engine.TOFU } as const;

/** An execution mode as manifests write it. */
export type ModeWord = keyof typeof modes;
export const modeOf = (word: ModeWord): ExecutionMode => modes[word];
export const engineOf = (word: EngineWord): Engine => engines[word];
export const modeWord = (mode: ExecutionMode): ModeWord =>
  mode === ExecutionMode.AGENT ? "agent" : mode === ExecutionMode.LOCAL ? "local" : "remote";

/** `2h30m` as a duration. */
export function durationOf(word: string): Duration {
  const { read, expected } = durationSchema();
  const ms = read(word);
  if (ms === undefined) throw new Error(`expected ${expected}, got ${JSON.stringify(word)}`);
  return durationFromMs(ms);
}

/** A duration as `2h30m`; `0` if there is none. */
export const durationWord = (duration: Duration | undefined): string => {
  const ms = duration === undefined ? 0 : durationMs(duration);
  return ms === 0 ? "0" : settingText(durationSchema(), ms);
};

/** The same duration in one spelling. */
export const normalDuration = (word: string): string => durationWord(durationOf(word));
