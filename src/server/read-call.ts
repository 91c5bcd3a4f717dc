import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Yaml from "yaml";
import { engineDownloadsOf } from "../agent/program/engine-settings.ts";
import { providerConfigOf } from "../agent/program/provider-settings.ts";
import { sandboxPathProblems } from "../agent/program/sandbox-settings.ts";
import type { Environment } from "../lib/environment.ts";
import { armFailpoints } from "../lib/program/failpoint.ts";
import { loadSettings, type Origins, type SettingFile } from "../lib/settings.ts";
import { knownVariables } from "../settings/known-variables.ts";
import { serverSettings } from "../settings/server.ts";
import { hiddenFromJobs } from "./server-agent-config.ts";
import { databaseProblems, dataDirOf, type ServerSettings } from "./settings.ts";

const require = createRequire(import.meta.url);

export type LoadedSettings =
  | {
      readonly kind: "loaded";
      readonly settings: ServerSettings;
      readonly origins: Origins<typeof serverSettings>;
    }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads the settings from flags, variables and the configuration file that these name. */
export function readSettings(flags: Readonly<Record<string, unknown>>, environment: Environment): LoadedSettings {
  const file = configFile(flags, environment);
  if (typeof file === "string") return { kind: "invalid", problems: [file] };
  const loaded = loadSettings(serverSettings, { flags, environment, file, alsoKnown: knownVariables });
  const problems = [
    ...armFailpoints(environment),
    ...(loaded.kind === "invalid"
      ? loaded.problems
      : [...loaded.unknown, ...databaseProblems(loaded.values), ...jobProblems(loaded.values, environment)]),
  ];
  if (loaded.kind === "invalid" || problems.length > 0) return { kind: "invalid", problems };
  return { kind: "loaded", settings: loaded.values, origins: loaded.origins };
}

/** The configuration file, if one is named; a text says what is wrong with it. */
function configFile(
  flags: Readonly<Record<string, unknown>>,
  environment: Environment,
): SettingFile | string | undefined {
  const named = loadSettings({ config: serverSettings.config }, { flags, environment: only(environment) });
  const path = named.kind === "loaded" ? named.values.config : undefined;
  if (path === undefined) return undefined;
  try {
    const { parse }: typeof Yaml = require("yaml");
    const values: unknown = parse(readFileSync(path, "utf8"));
    if (values === null) return { path, values: {} };
    if (isRecord(values)) return { path, values };
    return `${path}: expected settings such as "listen: 127.0.0.1:7070", one a line`;
  } catch (error) {
    return `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const only = ({ WINDLASS_SERVER_CONFIG, WINDLASS_SERVER_CONFIG_FILE }: Environment): Environment => ({
  WINDLASS_SERVER_CONFIG,
  WINDLASS_SERVER_CONFIG_FILE,
});

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is wrong with how the server's own agent runs jobs. */
function jobProblems(settings: ServerSettings, environment: Environment): readonly string[] {
  const problems: string[] = [];
  engineDownloadsOf(settings, problems);
  providerConfigOf(settings, environment, problems);
  const hidden = hiddenFromJobs(settings, { dataDir: dataDirOf(settings, environment), environment });
  return [...problems, ...sandboxPathProblems(settings.sandboxPaths, hidden)];
}
