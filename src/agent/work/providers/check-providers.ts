import { access, constants, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Check, fail, ok, skip, warn } from "../../../lib/checks/check.ts";
import { systemClock } from "../../../lib/clock.ts";
import { systemRandom } from "../../../lib/random.ts";
import { PackageCache } from "../../../terraform/packages/package-cache.ts";
import type { AgentConfig } from "../../contract/config.ts";
import { hiddenPathsOf, shownOf } from "../../sandbox/hidden-paths.ts";
import { composeProviders } from "./job-providers.ts";
import { readOwnerConfig } from "./owner-config.ts";
import { certificatePaths } from "./passed-environment.ts";

/** What keeps an agent from starting, one sentence each. */
export async function providerProblems(config: AgentConfig): Promise<readonly string[]> {
  const read = await readOwnerConfig(config);
  return [...(read.kind === "unusable" ? read.problems : []), ...(await certificateProblems(config))];
}

async function certificateProblems(config: AgentConfig): Promise<readonly string[]> {
  const problems: string[] = [];
  const { passed } = config;
  for (const path of certificatePaths(passed?.values ?? {})) {
    const isReadable = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (!isReadable)
      problems.push(`--pass-env: the authorities in ${path} cannot be read: correct SSL_CERT_FILE or SSL_CERT_DIR`);
    const secret = shownOf(path, hiddenPathsOf(config));
    if (secret !== undefined)
      problems.push(`--pass-env: the authorities in ${path} would show ${secret} to jobs: keep them in another place`);
  }
  return problems;
}

/** Whether the file of `--cli-config` can be used. */
export async function checkCliConfig(config: AgentConfig): Promise<Check> {
  const id = "cli-config";
  const { cliConfigFile: file } = config;
  if (file === undefined)
    return ok(id, "none: ~/.terraformrc, ~/.tofurc and TF_CLI_CONFIG_FILE of this machine are not read");
  const read = await readOwnerConfig(config);
  if (read.kind === "unusable") return fail(id, read.problems.join("; "), "correct the file, or what it names");
  const warnings = read.kind === "read" ? [...read.owner.config.warnings] : [];
  const others = await othersMayRead(file);
  if (others) warnings.push("it is readable by everybody on this machine, and may hold tokens");
  if (warnings.length > 0) return warn(id, `${file}: ${warnings.join("; ")}`, "correct the file (docs/providers.md)");
  const paths = read.kind === "read" ? read.owner.config.paths.map(({ path }) => path) : [];
  return ok(id, `${file}${paths.length === 0 ? "" : `, with ${paths.join(", ")}`}`);
}

const othersMayRead = (file: string): Promise<boolean> =>
  stat(file).then(
    ({ mode }) => (mode & 0o004) !== 0,
    () => false,
  );

/** Which variables jobs get. */
export async function checkPassed(config: AgentConfig): Promise<Check> {
  const id = "pass-env";
  const { values = {}, missing = [] } = config.passed ?? {};
  const problems = await certificateProblems(config);
  if (problems.length > 0) return fail(id, problems.join("; "), "correct the variables");
  const names = Object.keys(values);
  const seen = names.length === 0 ? "jobs get no variable of this environment" : `jobs get ${names.join(", ")}`;
  return missing.length === 0
    ? ok(id, seen)
    : warn(id, `${seen}; not set: ${missing.join(", ")}`, "set them for the agent, or leave them out of --pass-env");
}

/** Whether the cache can be written, and how full it is. */
export async function checkCache({ dataDir, providerCacheBytes = 0 }: AgentConfig): Promise<Check> {
  const id = "provider-cache";
  if (providerCacheBytes === 0) return ok(id, "none, as asked for: each job downloads its providers");
  const cache = new PackageCache(join(dataDir, "providers"), { clock: systemClock, random: systemRandom });
  const packages = await cache.list();
  const bytes = packages.reduce((sum, one) => sum + one.bytes, 0);
  const draft = await cache.draft();
  await cache.drop(draft);
  const size = (of: number) => `${(of / 2 ** 20).toFixed(0)} MiB`;
  return ok(id, `${packages.length} packages, ${size(bytes)} of ${size(providerCacheBytes)}`);
}

/** Where providers come from. */
export async function checkSources(config: AgentConfig): Promise<Check> {
  try {
    const { sentence } = await composeProviders({ config, sources: undefined, isSandboxed: true });
    return ok("providers", sentence);
  } catch {
    return skip("providers", "the CLI configuration cannot be used");
  }
}
