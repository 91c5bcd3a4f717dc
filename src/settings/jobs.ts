import { choice, flag, list, parsed, path, pathList, sizeBytes } from "../lib/setting-schemas.ts";
import { settingsWith } from "../lib/settings.ts";

/** How jobs may be kept apart; `auto` is the best there is. */
export const sandboxes = choice("auto", "bwrap", "none");

/** How a program that runs jobs gets engines and providers, and what jobs see; its variables begin with `prefix`. */
export function jobSettings(prefix: "WINDLASS_AGENT" | "WINDLASS_SERVER") {
  const { setting, optional } = settingsWith(prefix);
  return {
    enginePaths: setting(
      {
        flag: "engine-path",
        about:
          "the terraform or tofu to run, or one of each, a,b; for an engine without one: one on PATH that fits, else a download",
        schema: pathList(),
      },
      [],
    ),
    engineMirror: optional({
      flag: "engine-mirror",
      about: "where terraform and tofu are downloaded",
      otherwise: "HashiCorp's and OpenTofu's releases",
      schema: mirrorAddress(),
      isSecret: true,
    }),
    engineKeys: optional({
      flag: "engine-keys",
      about: "a file with further OpenPGP public keys, armored, that may sign what is downloaded",
      schema: path("FILE"),
    }),
    noEngineDownload: setting(
      { flag: "no-engine-download", about: "download no terraform or tofu", schema: flag() },
      false,
    ),
    cliConfig: optional({
      flag: "cli-config",
      about: "a CLI configuration of terraform or tofu for all jobs: mirrors, credentials (docs/providers.md)",
      schema: path("FILE"),
    }),
    passEnv: setting(
      {
        flag: "pass-env",
        about: "variables of its own environment that jobs get, HTTPS_PROXY,SSL_CERT_FILE,TF_TOKEN_*,…",
        schema: list(),
      },
      [],
    ),
    providerCache: setting(
      {
        flag: "provider-cache",
        about: "how much the cache of providers in the data directory may hold; 0 is no cache",
        schema: sizeBytes(),
      },
      2 * 2 ** 30,
    ),
    sandboxPaths: setting(
      {
        flag: "sandbox-paths",
        about: "what jobs in a sandbox may read beside the system and PATH, a,b,…",
        schema: pathList(),
      },
      [],
    ),
  };
}

/** The root of a mirror of releases. */
export const mirrorAddress = () =>
  parsed(
    "an address such as https://mirror.example.com/engines",
    (text) => (isMirrorAddress(text) ? text : undefined),
    "URL",
  );

function isMirrorAddress(text: string): boolean {
  const address = URL.parse(text);
  if (address === null || !["http:", "https:"].includes(address.protocol)) return false;
  return address.search === "" && address.hash === "" && address.hostname !== "";
}
