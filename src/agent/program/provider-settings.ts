import { join } from "node:path";
import type { Environment } from "../../lib/environment.ts";
import { list, path, sizeBytes } from "../../lib/setting-schemas.ts";
import { optionalSetting, type SettingValues, setting } from "../../lib/settings.ts";
import { type AgentConfig, defaultProviderCacheBytes } from "../contract/config.ts";
import { passEnvironment, whyNotPassed } from "../work/providers/passed-environment.ts";

/** Where a program that runs jobs takes providers from; its variables begin with `prefix`. */
export const providerSettings = (prefix: "WINDLASS_AGENT" | "WINDLASS_SERVER") => ({
  cliConfig: optionalSetting({
    about: "a CLI configuration of terraform or tofu for all jobs: mirrors, credentials (docs/providers.md)",
    flag: "cli-config",
    env: `${prefix}_CLI_CONFIG`,
    schema: path(),
  }),
  passEnv: setting(
    {
      about: "variables of its own environment that jobs get, HTTPS_PROXY,SSL_CERT_FILE,TF_TOKEN_*,…",
      flag: "pass-env",
      env: `${prefix}_PASS_ENV`,
      schema: list(),
    },
    [],
  ),
  providerCache: setting(
    {
      about: "how much the cache of providers in the data directory may hold; 0 is no cache",
      flag: "provider-cache",
      env: `${prefix}_PROVIDER_CACHE`,
      schema: sizeBytes(),
    },
    defaultProviderCacheBytes,
  ),
});

type Values = SettingValues<ReturnType<typeof providerSettings>>;
type Config = Pick<AgentConfig, "cliConfigFile" | "pluginHome" | "passed" | "providerCacheBytes">;

/** What an agent is told; adds to `problems` the names that no job may get. */
export function providerConfigOf(values: Values, environment: Environment, problems: string[]): Config {
  const { cliConfig: cliConfigFile, passEnv, providerCache: providerCacheBytes } = values;
  problems.push(...passEnv.map(whyNotPassed).filter((why) => why !== undefined));
  return {
    ...(cliConfigFile === undefined ? {} : { cliConfigFile }),
    ...(environment.HOME === undefined ? {} : { pluginHome: join(environment.HOME, ".terraform.d", "plugins") }),
    passed: passEnvironment(passEnv, environment),
    providerCacheBytes,
  };
}
