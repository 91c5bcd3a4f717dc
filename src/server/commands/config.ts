import { stringify } from "yaml";
import { settingText } from "../../lib/setting-schemas.ts";
import type { Setting } from "../../lib/settings.ts";
import { keysOf } from "../../lib/values/records.ts";
import { serverSettings } from "../../settings/server.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";

interface Shown {
  /** The flag's name; the variable's for what has no flag. */
  readonly name: string;
  readonly value: string;
  readonly origin: string;
  /** Its value is masked: it would be a mistake in a file. */
  readonly isMasked: boolean;
}

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
  flags: [
    { name: "origin", about: "also where each value comes from: a flag, a variable, a file, or default" },
    { name: "output", short: "o", value: "yaml|json", about: "the form (-o), yaml if absent" },
  ],
  words: { min: 1, max: 1 },
  heeds: "all",
  async run(call) {
    if (call.words[0] !== "print") throw new StartError(2, `expected windlassd config print, got "${call.words[0]}"`);
    const isWithOrigin = call.own.origin !== undefined;
    const shown = shownSettings(call);
    switch (call.own.output ?? "yaml") {
      case "yaml":
        call.say(shown.map((one) => yamlLine(one, isWithOrigin)).join(""));
        return 0;
      case "json":
        call.say(`${JSON.stringify(asObject(shown, isWithOrigin), undefined, 2)}\n`);
        return 0;
      default:
        throw new StartError(2, `-o: expected yaml or json, got ${JSON.stringify(call.own.output)}`);
    }
  },
};

function shownSettings(call: CommandCall): readonly Shown[] {
  return keysOf(serverSettings).flatMap((name) => shownSetting(call, name) ?? []);
}

function shownSetting(
  { settings, origins, environment }: CommandCall,
  name: keyof typeof serverSettings,
): Shown | undefined {
  const one: Setting<unknown> = serverSettings[name];
  const computed = name === "dataDir" ? dataDirOf(settings, environment) : undefined;
  const value: unknown = settings[name] ?? computed;
  if (value === undefined) return undefined;
  const isMasked = one.isSecret === true;
  const text = isMasked ? "********" : settingText(one.schema, value);
  const isFromService =
    name === "dataDir" && settings.dataDir === undefined && environment.STATE_DIRECTORY !== undefined;
  const origin = isFromService ? "STATE_DIRECTORY" : origins[name];
  return { name: one.flag ?? one.env ?? name, value: text, origin, isMasked };
}

const yamlLine = ({ name, value, origin, isMasked }: Shown, isWithOrigin: boolean): string =>
  `${isMasked ? "# " : ""}${stringify({ [name]: plain(value) }, { lineWidth: 0 }).trimEnd()}${isWithOrigin ? `  # ${origin}` : ""}\n`;

/** Numbers and claims without quotes, as people write them. */
const plain = (text: string): string | number | boolean =>
  /^\d{1,15}$/.test(text) ? Number(text) : text === "true" || text === "false" ? text === "true" : text;

const asObject = (shown: readonly Shown[], isWithOrigin: boolean) =>
  Object.fromEntries(shown.map(({ name, value, origin }) => [name, isWithOrigin ? { value, origin } : value]));
