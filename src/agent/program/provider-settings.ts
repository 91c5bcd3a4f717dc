import { join } from "node:path";
import type { Environment } from "../../lib/environment.ts";
import type { AgentConfig } from "../contract/config.ts";
import { passEnvironment, whyNotPassed } from "../work/providers/passed-environment.ts";
import type { JobSettingValues } from "./engine-settings.ts";

type Values = Pick<JobSettingValues, "cliConfig" | "passEnv" | "providerCache">;
type Config = Pick<AgentConfig, "cliConfigFile" | "pluginHome" | "passed" | "providerCacheBytes">;

/** What an agent is told; adds to `problems` the names that no job may get. */
export function providerConfigOf(values: Values, environment: Environment, problems: string[]): Config {
  const { cliConfig: cliConfigFile, passEnv, providerCache: providerCacheBytes } = values;
  problems.push(...passEnv.map(whyNotPassed).filter((why) => why !== undefined));
  return {
    cliConfigFile,
    pluginHome: environment.HOME === undefined ? undefined : join(environment.HOME, ".terraform.d", "plugins"),
    passed: passEnvironment(passEnv, environment),
    providerCacheBytes,
  };
}
