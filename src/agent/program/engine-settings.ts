import { readFileSync } from "node:fs";
import type { SettingValues } from "../../lib/settings.ts";
import type { jobSettings } from "../../settings/jobs.ts";
import type { DownloadRules } from "../../terraform/engines/engine-store.ts";

/** What a program that runs jobs was told about them. */
export type JobSettingValues = SettingValues<ReturnType<typeof jobSettings>>;

type Values = Pick<JobSettingValues, "engineMirror" | "engineKeys" | "noEngineDownload">;

/** The rules for downloads, undefined for none; adds to `problems` what does not fit together. */
export function engineDownloadsOf(values: Values, problems: string[]): DownloadRules | undefined {
  const { engineMirror, engineKeys, noEngineDownload } = values;
  const given = [
    ...(engineMirror === undefined ? [] : ["--engine-mirror"]),
    ...(engineKeys === undefined ? [] : ["--engine-keys"]),
  ];
  for (const flagName of given)
    if (noEngineDownload)
      problems.push(`${flagName} does nothing with --no-engine-download, which ends downloads: give one of them`);
  const keys = engineKeys === undefined ? undefined : keysIn(engineKeys, problems);
  if (noEngineDownload) return undefined;
  return { mirror: engineMirror, keys };
}

function keysIn(path: string, problems: string[]): string | undefined {
  try {
    const keys = readFileSync(path, "utf8");
    if (keys.includes("PRIVATE KEY BLOCK"))
      problems.push(`--engine-keys: ${path} holds a private key: export the public one`);
    else if (!keys.includes("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
      problems.push(
        `--engine-keys: ${path} holds no armored OpenPGP public key: expected the output of gpg --armor --export`,
      );
    return keys;
  } catch (error) {
    problems.push(`--engine-keys: ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
