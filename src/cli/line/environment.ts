import { programVariables } from "../../gen/program-variables.ts";
import type { Environment } from "../../lib/environment.ts";
import { didYouMean } from "../problems/suggest.ts";

/** The variables that `windlass` reads, and what each one does. */
export const clientVariables: Readonly<Record<string, string>> = {
  WINDLASS_ADDRESS: "--address",
  WINDLASS_ORG: "--org",
  WINDLASS_CONTEXT: "--context",
  WINDLASS_CONFIG: "--config",
  WINDLASS_TOKEN: "the token itself",
  WINDLASS_TOKEN_FILE: "--token-file",
  WINDLASS_CA_FILE: "--ca-file",
  WINDLASS_CERT_FILE: "--cert-file",
  WINDLASS_KEY_FILE: "--key-file",
  WINDLASS_SERVER_NAME: "--server-name",
  WINDLASS_INSECURE: "--insecure",
  WINDLASS_OUTPUT: "--output",
  WINDLASS_TIMEOUT: "--timeout",
  WINDLASS_NO_INPUT: "--no-input (so does CI)",
  WINDLASS_DEBUG: "--debug",
  WINDLASS_NO_DELETE: "refuse every command that deletes or revokes",
};

/** One warning for each `WINDLASS_…` variable that none of the three programs reads. */
export function unknownVariables(environment: Environment): readonly string[] {
  const known = new Set(programVariables);
  return Object.keys(environment)
    .filter((name) => name.startsWith("WINDLASS_") && !known.has(name))
    .sort()
    .map(
      (name) =>
        `${name} is not a variable of Windlass.${didYouMean(name, Object.keys(clientVariables), (known) => known)}`,
    );
}

/** The value of a variable; an empty one counts as not set. */
export const variable = (environment: Environment, name: string): string | undefined =>
  environment[name] === "" ? undefined : environment[name];

/** True for `true` and `1`. */
export const isOn = (value: string | undefined): boolean => value === "true" || value === "1";
