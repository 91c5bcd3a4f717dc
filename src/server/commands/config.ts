import { printFlags, printSettings } from "../../lib/print-settings.ts";
import { serverSettings } from "../../settings/server.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";

/** Shows which settings a start would have, and why. */
export const configCommand: ServerCommand = {
  name: "config",
  usage: "print [--origin] [-o yaml|json]",
  summary: "print the settings that a start would have",
  about: "Prints the settings that a start with the same flags and variables would have; secrets are masked.",
  examples: [
    "windlassd config print --origin",
    "windlassd config print -o json | jq .listen",
    "windlassd config print --data-dir /srv/windlass > windlass.yaml    # then: windlassd --config windlass.yaml",
  ],
  flags: printFlags,
  words: { min: 1, max: 1 },
  heeds: "all",
  async run(call) {
    const printed = printSettings("windlassd", serverSettings, loadedOf(call), call);
    if (printed.kind === "refused") throw new StartError(2, printed.message);
    call.say(printed.text);
    return 0;
  },
};

function loadedOf({ settings, origins, environment }: CommandCall) {
  const isFromService = settings.dataDir === undefined && environment.STATE_DIRECTORY !== undefined;
  return {
    values: { ...settings, dataDir: dataDirOf(settings, environment) },
    origins: { ...origins, dataDir: isFromService ? "STATE_DIRECTORY" : origins.dataDir },
  };
}
