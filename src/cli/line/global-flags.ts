import type { Setting } from "../../lib/settings.ts";
import { globalSettings } from "../../settings/client.ts";
import { choice, type Flag, type FlagValues, text, toggle } from "./flags.ts";

/** Words, switches and texts; what a text says is judged where it is used. */
type FlagOf<One> = One extends Setting<infer T> ? Flag<T extends number ? string : T> : never;
type GlobalFlags = { readonly [Name in keyof typeof globalSettings]: FlagOf<(typeof globalSettings)[Name]> };

/** The flags that every command takes. */
export const globalFlags = Object.fromEntries(
  Object.entries(globalSettings).map(([name, one]) => [name, flagOf(one)]),
) as GlobalFlags;

function flagOf({ about: what, short, schema, otherwise }: Setting<unknown>): Flag<unknown> {
  const about = otherwise === undefined ? what : `${what} (default: ${otherwise})`;
  const style = { placeholder: schema.placeholder, short };
  if (schema.isSwitch) return toggle(about, style);
  if (schema.isRepeatable)
    return {
      ...text(about, style),
      isRepeatable: true,
      read: (texts) => (texts.length === 0 ? undefined : texts.join(",")),
    };
  return schema.words === undefined ? text(about, style) : choice(about, schema.words, style);
}

export type GlobalValues = FlagValues<typeof globalFlags>;
