import { choice, durationMs, flag, path, settingText, text } from "../lib/setting-schemas.ts";
import { optionalSetting, settingsWith } from "../lib/settings.ts";
import { addressList } from "../lib/way/addresses.ts";
import { tlsSettings } from "./shared.ts";

/** Of the client's variables only the token has a `_FILE` form. */
const form = { hasFileForm: false };
const { optional } = settingsWith("WINDLASS", form);

/** Where a server is looked for that nobody names, and how long a call may take. */
export const clientDefaults = { address: "http://127.0.0.1:7070", timeoutMs: 30_000 } as const;

/** The settings that every command of windlass takes as flags: flag, else variable, else the saved context, else the default. */
export const globalSettings = {
  address: optional({
    flag: "address",
    short: "a",
    about: "the server, for example https://tf.example.com; one that has several addresses is called where it answers",
    schema: addressList(),
    otherwise: `the context's, else ${clientDefaults.address}`,
  }),
  org: optional({
    flag: "org",
    about: "the organization",
    schema: text("NAME"),
    otherwise: "the context's, else your only one",
  }),
  context: optional({
    flag: "context",
    about: "use this saved context instead of the current one",
    schema: text("NAME"),
  }),
  config: optional({
    flag: "config",
    about: "the file with the contexts",
    schema: path("FILE"),
    otherwise: "$XDG_CONFIG_HOME/windlass/config.yaml",
  }),
  tokenFile: optional({ flag: "token-file", about: "read the token from this file", schema: path("FILE") }),
  ...tlsSettings(form),
  insecure: optional({ flag: "insecure", about: "do not verify the server's certificate", schema: flag() }),
  output: optional({
    flag: "output",
    short: "o",
    about: "how to print the answer",
    schema: { ...choice("table", "wide", "json", "jsonl", "yaml", "name", "hcl"), placeholder: "FORMAT" },
    otherwise: "table",
  }),
  timeout: optional({
    flag: "timeout",
    about: "give up on a call after this long",
    schema: durationMs(),
    otherwise: settingText(durationMs(), clientDefaults.timeoutMs),
  }),
  yes: optionalSetting({ flag: "yes", short: "y", about: "answer every question with yes", schema: flag() }),
  noInput: optional({
    flag: "no-input",
    about: "never ask; what needs an answer is refused (so it is with the variable CI)",
    schema: flag(),
  }),
  quiet: optionalSetting({ flag: "quiet", short: "q", about: "print only the answer and errors", schema: flag() }),
  verbose: optionalSetting({
    flag: "verbose",
    short: "v",
    about: "say which server, context and credential are used",
    schema: flag(),
  }),
  debug: optional({ flag: "debug", about: "one line on stderr for each call to the server", schema: flag() }),
  color: optionalSetting({
    flag: "color",
    about: "colours, also where stdout is no terminal",
    schema: choice("auto", "always", "never"),
  }),
  noColor: optionalSetting({ flag: "no-color", about: "no colours: --color=never", schema: flag() }),
  help: optionalSetting({ flag: "help", short: "h", about: "show help", schema: flag() }),
};

/** Every setting of windlass; what is one command's own stands there. */
export const clientSettings = {
  ...globalSettings,
  token: optionalSetting({
    ...form,
    env: "WINDLASS_TOKEN",
    about: "the token itself",
    schema: text(),
    isSecret: true,
    otherwise: "the context's",
  }),
  noDelete: optionalSetting({
    ...form,
    env: "WINDLASS_NO_DELETE",
    about: "refuse every command that deletes or revokes",
    schema: flag(),
  }),
};
