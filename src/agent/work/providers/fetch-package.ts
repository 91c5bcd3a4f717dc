import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../lib/clock.ts";
import { quoted } from "../../../lib/hcl/text.ts";
import { given } from "../../../lib/values/records.ts";
import { lockFileName, readLockFile, renderLockFile } from "../../../terraform/configuration/lock-file.ts";
import { hashPackage, lookAtPackage } from "../../../terraform/packages/dir-hash.ts";
import { digestOfHashes, type PackageRecord } from "../../../terraform/packages/package-cache.ts";
import type { Sandbox } from "../../sandbox/choose-sandbox.ts";
import { type DownloadProgress, runEngineInit, seenDraft } from "./engine-init.ts";
import { cliConfigText, hasCliConfig, type ProviderPlan, providerFiles } from "./job-providers.ts";
import { linkHelper } from "./link-helper.ts";

/** One version of a provider, from its source. */
export interface WantedPackage {
  readonly address: string;
  /** Empty for the newest one that the constraints take. */
  readonly version: string;
  /** Read only without a version. */
  readonly constraints?: string | undefined;
  /** What a lock file says of it; empty without one. */
  readonly hashes: readonly string[];
}

/** Where and how it is fetched. */
export interface PackageSource {
  readonly enginePath: string;
  readonly searchPath: string;
  readonly providers: ProviderPlan;
  /** The workspace's own: tokens, proxies and authorities. */
  readonly variables: Readonly<Record<string, string>>;
  readonly readable: readonly string[];
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly onProgress: (progress: DownloadProgress) => void;
}

export type Fetched =
  | { readonly kind: "unpacked"; readonly root: string; readonly record: PackageRecord }
  /** It comes from an unpacked mirror, which links as well as a cache. */
  | { readonly kind: "linked" };

/** True for names that may become part of a configuration: they come from jobs. */
export const isFetchable = ({ address, version, constraints = "" }: Omit<WantedPackage, "hashes">): boolean =>
  /^[a-z0-9.-]+(:\d{1,5})?\/[a-z0-9_-]+\/[a-z0-9_-]+$/i.test(address) &&
  (version === ""
    ? /^[0-9A-Za-z.+, =!<>~-]{0,500}$/.test(constraints)
    : /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/.test(version));

/**
 * Has the engine install one provider in a draft, from where the agent's owner or the control plane says and with
 * nothing of a job but the provider's name: what arrives is what its source gives, checked by the engine against its
 * signature and the lock file's hashes.
 */
export async function fetchPackage(
  wanted: WantedPackage,
  source: PackageSource,
  { draft, signal }: { readonly draft: string; readonly signal: AbortSignal },
): Promise<Fetched> {
  await furnish(wanted, source, draft);
  const { enginePath, sandbox, clock, maxBytes, onProgress, readable } = source;
  const environment = environmentOf(source, seenDraft(draft, sandbox));
  await runEngineInit({ enginePath, draft, environment, readable, sandbox, clock, maxBytes, onProgress }, signal);
  const { address } = wanted;
  const versions = join(draft, "config", ".terraform", "providers", address);
  const version = (await readdir(versions))[0] ?? "";
  const installed = join(versions, version);
  const platform = (await readdir(installed))[0] ?? "";
  const root = join(installed, platform);
  if (!(await lstat(root)).isDirectory()) return { kind: "linked" };
  const content = await lookAtPackage(root);
  const h1 = await hashPackage(root, content);
  const locked = readLockFile(await readFile(join(draft, "config", lockFileName), "utf8"));
  const hashes = locked?.find((one) => one.address === address)?.hashes ?? [];
  if (!hashes.includes(h1)) throw new Error(`the engine installed a package whose hash is not ${h1}`);
  const record = { address, version, platform, h1, hashes, bytes: content.bytes, fetchedAtMs: clock.now().getTime() };
  const vouchedFor = wanted.hashes.length === 0 ? [] : [digestOfHashes(wanted.hashes)];
  return { kind: "unpacked", root, record: { ...record, vouchedFor } };
}

async function furnish(
  { address, version, constraints = "", hashes }: WantedPackage,
  { providers }: PackageSource,
  draft: string,
): Promise<void> {
  const config = join(draft, "config");
  await mkdir(config, { mode: 0o700 });
  const wanted = version === "" ? constraints : `= ${version}`;
  const source = `source = ${quoted(address)}${wanted === "" ? "" : `, version = ${quoted(wanted)}`}`;
  await writeFile(join(config, "main.tf"), `terraform {\n  required_providers {\n    it = { ${source} }\n  }\n}\n`);
  if (hashes.length > 0)
    await writeFile(join(config, lockFileName), renderLockFile([{ address, version, constraints: version, hashes }]));
  if (providers.helper !== "") await linkHelper(join(draft, "home"), providers.helper);
  const files = providerFiles(join(draft, "cli"));
  await mkdir(join(draft, "cli"), { mode: 0o700 });
  await writeFile(files.cliConfig, hasCliConfig(providers) ? cliConfigText(providers) : "", { mode: 0o600 });
  if (providers.caPem !== "") await writeFile(files.authorities, providers.caPem, { mode: 0o600 });
}

function environmentOf({ providers, searchPath, variables }: PackageSource, seen: string): Record<string, string> {
  const files = providerFiles(join(seen, "cli"));
  return {
    LANG: "C.UTF-8",
    ...providers.environment,
    ...given({ SSL_CERT_FILE: providers.caPem === "" ? undefined : files.authorities }),
    ...variables,
    PATH: searchPath,
    HOME: join(seen, "home"),
    TMPDIR: join(seen, "tmp"),
    TF_CLI_CONFIG_FILE: files.cliConfig,
    CHECKPOINT_DISABLE: "1",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
  };
}
