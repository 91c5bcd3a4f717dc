import { createRequire } from "node:module";
import type * as Yaml from "yaml";
import type { CommandFlag } from "./command-line.ts";
import { settingText } from "./setting-schemas.ts";
import type { Origins, Setting, Settings, SettingValues } from "./settings.ts";
import { keysOf } from "./values/records.ts";

const require = createRequire(import.meta.url);

/** What `config print` of a daemon takes beside the settings. */
export const printFlags: readonly CommandFlag[] = [
  { name: "origin", about: "also where each value comes from: a flag, a variable, a file, or default" },
  { name: "output", short: "o", value: "yaml|json", about: "the form (-o), yaml if absent" },
];

/** `refused`: the message says what was expected. */
export type PrintedSettings =
  | { readonly kind: "printed"; readonly text: string }
  | { readonly kind: "refused"; readonly message: string };

interface LoadedSettings<S extends Settings> {
  readonly values: SettingValues<S>;
  readonly origins: Origins<S>;
}

/** The answer to `config WORDS` with these values of its flags; secrets are masked. */
export function printSettings<S extends Settings>(
  program: string,
  settings: S,
  loaded: LoadedSettings<S>,
  { words, own }: { readonly words: readonly string[]; readonly own: Readonly<Record<string, string>> },
): PrintedSettings {
  const [word = ""] = words;
  if (word !== "print") return { kind: "refused", message: `expected ${program} config print, got "${word}"` };
  const isWithOrigin = own.origin !== undefined;
  const shown = keysOf(settings).flatMap((name) => shownSetting(settings, loaded, name) ?? []);
  switch (own.output ?? "yaml") {
    case "yaml":
      return { kind: "printed", text: shown.map((one) => yamlLine(one, isWithOrigin)).join("") };
    case "json":
      return { kind: "printed", text: `${JSON.stringify(asObject(shown, isWithOrigin), undefined, 2)}\n` };
    default:
      return { kind: "refused", message: `-o: expected yaml or json, got ${JSON.stringify(own.output)}` };
  }
}

interface ShownSetting {
  /** The flag's name; the variable's for what has no flag. */
  readonly name: string;
  readonly value: string;
  readonly origin: string;
  /** Its value is masked: it would be a mistake in a file. */
  readonly isMasked: boolean;
}

function shownSetting<S extends Settings>(
  settings: S,
  { values, origins }: LoadedSettings<S>,
  name: keyof S & string,
): ShownSetting | undefined {
  const one: Setting<unknown> | undefined = settings[name];
  const value: unknown = values[name];
  if (one === undefined || value === undefined) return undefined;
  const isMasked = one.isSecret === true;
  const text = isMasked ? "********" : settingText(one.schema, value);
  return { name: one.flag ?? one.env ?? name, value: text, origin: origins[name], isMasked };
}

function yamlLine({ name, value, origin, isMasked }: ShownSetting, isWithOrigin: boolean): string {
  const { stringify }: typeof Yaml = require("yaml");
  return `${isMasked ? "# " : ""}${stringify({ [name]: plain(value) }, { lineWidth: 0 }).trimEnd()}${isWithOrigin ? `  # ${origin}` : ""}\n`;
}

/** Numbers and claims without quotes, as people write them. */
const plain = (text: string): string | number | boolean =>
  /^\d{1,15}$/.test(text) ? Number(text) : text === "true" || text === "false" ? text === "true" : text;

const asObject = (shown: readonly ShownSetting[], isWithOrigin: boolean) =>
  Object.fromEntries(shown.map(({ name, value, origin }) => [name, isWithOrigin ? { value, origin } : value]));
