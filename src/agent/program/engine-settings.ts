import { readFileSync } from "node:fs";
import { flag, parsed, path, pathList } from "../../lib/setting-schemas.ts";
import { optionalSetting, type SettingValues, setting } from "../../lib/settings.ts";
import type { DownloadRules } from "../../terraform/engines/engine-store.ts";
import { isMirrorAddress } from "../../terraform/engines/releases/release-source.ts";

const mirrorAddress = () =>
  parsed("an address such as https://mirror.example.com/engines", (value) =>
    isMirrorAddress(value) ? value : undefined,
  );

/** How a program that runs jobs gets terraform and tofu; its variables begin with `prefix`. */
export const engineSettings = (prefix: "WINDLASS_AGENT" | "WINDLASS_SERVER") => ({
  enginePaths: setting(
    {
      about:
        "the terraform or tofu to run, or one of each, a,b; for an engine without one: one on PATH that fits, else a download",
      flag: "engine-path",
      env: `${prefix}_ENGINE_PATH`,
      schema: pathList(),
    },
    [],
  ),
  engineMirror: optionalSetting({
    about: "where terraform and tofu are downloaded (default: HashiCorp's and OpenTofu's releases)",
    flag: "engine-mirror",
    env: `${prefix}_ENGINE_MIRROR`,
    schema: mirrorAddress(),
    isSecret: true,
  }),
  engineKeys: optionalSetting({
    about: "a file with further OpenPGP public keys, armored, that may sign what is downloaded",
    flag: "engine-keys",
    env: `${prefix}_ENGINE_KEYS`,
    schema: path(),
  }),
  noEngineDownload: setting(
    {
      about: "download no terraform or tofu",
      flag: "no-engine-download",
      env: `${prefix}_NO_ENGINE_DOWNLOAD`,
      schema: flag(),
    },
    false,
  ),
});

type Values = SettingValues<ReturnType<typeof engineSettings>>;

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
  return {
    ...(engineMirror === undefined ? {} : { mirror: engineMirror }),
    ...(keys === undefined ? {} : { keys }),
  };
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
