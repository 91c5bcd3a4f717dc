import { Engine } from "../../gen/windlass/v1/workspace_pb.ts";

/**
 * `IDLE` of an enum as `idle`, `PLAN_QUEUED` as `plan queued`; a value of a newer server as its number, unspecified as
 * nothing.
 */
export function enumText(values: Readonly<Record<string, number>>, value: number): string {
  if (value === 0) return "";
  const found = Object.entries(values).find(([, number]) => number === value)?.[0];
  return found === undefined ? `(${value})` : found.toLowerCase().replaceAll("_", " ");
}

/** The names of an enum as they are written in flags: `plan-queued`. */
export const enumFlagWords = (values: Readonly<Record<string, number>>): readonly string[] =>
  Object.entries(values)
    .filter(([, number]) => number !== 0)
    .map(([name]) => flagWord(name));

/** The value that such a word names; unspecified for what is none. */
export const enumOfFlagWord = <Value extends number>(
  values: Readonly<Record<string, Value>>,
  word: string,
): Value | 0 => Object.entries(values).find(([name]) => flagWord(name) === word)?.[1] ?? 0;

const flagWord = (name: string): string => name.toLowerCase().replaceAll("_", "-");

/** An engine as manifests and flags write it. */
export type EngineWord = "terraform" | "tofu";

export const engineWord = (engine: Engine): EngineWord => (engine === Engine.TOFU ? "tofu" : "terraform");
