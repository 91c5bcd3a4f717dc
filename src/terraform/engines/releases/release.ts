import type { EngineName } from "../engine.ts";

/** One version of a program, built for one kind of machine. */
export interface Release {
  readonly engine: EngineName;
  readonly version: string;
  /** As vendors name it: `linux_amd64`. */
  readonly platform: string;
}

/** What people call the vendor's build. */
export const zipName = ({ engine, version, platform }: Release): string => `${engine}_${version}_${platform}.zip`;

export const checksumsName = ({ engine, version }: Release): string => `${engine}_${version}_SHA256SUMS`;

/**
 * Names under which vendors publish the signature of the checksums; of old versions HashiCorp keeps one for each of its
 * keys.
 */
export function signatureNames(release: Release): readonly string[] {
  const sums = checksumsName(release);
  return release.engine === "tofu" ? [`${sums}.gpgsig`] : [`${sums}.sig`, `${sums}.72D7468F.sig`];
}

const systems: Readonly<Record<string, string>> = { linux: "linux", darwin: "darwin", freebsd: "freebsd" };
const processors: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

/** What vendors call a machine that Node calls so; undefined when they build nothing for it. */
export function platformOf(system: string, processor: string): string | undefined {
  const names = [systems[system], processors[processor]];
  return names.includes(undefined) ? undefined : names.join("_");
}

/** The same for people: of a machine for which vendors build nothing, what Node calls it. */
export const platformName = (system: string, processor: string): string =>
  platformOf(system, processor) ?? `${system}_${processor}`;
