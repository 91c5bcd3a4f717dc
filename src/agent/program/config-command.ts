import { flagSection, type HelpParts, readCommandLine } from "../../lib/command-line.ts";
import type { Environment } from "../../lib/environment.ts";
import { type PrintedSettings, printFlags, printSettings } from "../../lib/print-settings.ts";
import { loadSettings } from "../../lib/settings.ts";
import { agentSettings } from "../../settings/agent.ts";
import { knownVariables } from "../../settings/known-variables.ts";
import { dataDirOf } from "./agent-settings.ts";
import { isHiddenToken, tokenVariable } from "./hide-token.ts";

export type ConfigCall =
  | PrintedSettings
  | { readonly kind: "help" | "version" }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

export const configHelp: HelpParts = {
  usage: "windlass-agent config print [--origin] [-o yaml|json]",
  about: "Prints the settings that a start with the same flags and variables would have; secrets are masked.",
  examples: ["windlass-agent config print --origin", "windlass-agent config print -o json | jq .address"],
  sections: [flagSection(printFlags)],
};

/** Answers `windlass-agent config`, which says which settings a start would have, and why. */
export function callConfig(argv: readonly string[], environment: Environment): ConfigCall {
  const line = readCommandLine(agentSettings, argv, { own: printFlags, maxWords: 1 });
  if (line.kind !== "flags") return line;
  const loaded = loadSettings(agentSettings, { flags: line.flags, environment, alsoKnown: knownVariables });
  const problems = loaded.kind === "invalid" ? loaded.problems : loaded.unknown;
  if (loaded.kind === "invalid" || problems.length > 0) return { kind: "invalid", problems };
  const { values, origins } = loaded;
  const isFromService = values.dataDir === undefined && environment.STATE_DIRECTORY !== undefined;
  const shown = {
    values: { ...values, dataDir: dataDirOf(values, environment) },
    origins: {
      ...origins,
      dataDir: isFromService ? "STATE_DIRECTORY" : origins.dataDir,
      token: isHiddenToken(environment) ? tokenVariable : origins.token,
    },
  };
  return printSettings("windlass-agent", agentSettings, shown, line);
}
