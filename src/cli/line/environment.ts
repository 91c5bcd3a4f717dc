import type { Environment } from "../../lib/environment.ts";
import { clientSettings } from "../../settings/client.ts";
import { didYouMean } from "../problems/suggest.ts";

/** The variables that `windlass` reads, and what each one does. */
export const clientVariables: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(clientSettings).flatMap(({ env, flag, about }) =>
    env === undefined ? [] : [[env, flag === undefined ? about : `--${flag}`]],
  ),
);

/** One warning for each `WINDLASS_…` variable that none of the three programs reads. */
export async function unknownVariables(environment: Environment): Promise<readonly string[]> {
  const own = Object.keys(clientVariables);
  const others = Object.keys(environment).filter((name) => name.startsWith("WINDLASS_") && !own.includes(name));
  if (others.length === 0) return [];
  // Only now: what the other programs read is no reason for a slower start.
  const { knownVariables } = await import("../../settings/known-variables.ts");
  return others
    .filter((name) => !knownVariables.includes(name))
    .sort()
    .map((name) => `${name} is not a variable of Windlass.${didYouMean(name, own, (known) => known)}`);
}

/** The value of a variable; an empty one counts as not set. */
export const variable = (environment: Environment, name: string): string | undefined =>
  environment[name] === "" ? undefined : environment[name];

/** True for `true` and `1`. */
export const isOn = (value: string | undefined): boolean => value === "true" || value === "1";
