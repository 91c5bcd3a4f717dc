import { isAtLeast, isVersion, isWithinStep } from "../../lib/words/version-steps.ts";
import type { UpdateStrategy } from "../contract/update-talk.ts";
import {
  countSignatures,
  isUpdateKey,
  neededSignatures,
  readManifest,
  type SignedManifest,
  type UpdateArtifact,
  type UpdateManifest,
  type UpdateRelease,
} from "./manifest.ts";
import { badVersionNow, type UpdateRecord } from "./record.ts";
import { refusal, type UpdateRefusal } from "./refusal.ts";

/** The form of the journals that this version writes, and the newest that it reads. */
export const journalFormat = 1;

/** What a version is measured by. */
export interface UpdateRules {
  readonly strategy: UpdateStrategy;
  /** Version of this program. */
  readonly version: string;
  /** Version of the server; empty if it is not known. */
  readonly serverVersion: string;
  readonly os: string;
  readonly arch: string;
  /** That came with the program. */
  readonly keys: readonly string[];
}

/** A version that may be had. */
export interface ChosenRelease {
  readonly kind: "chosen";
  readonly release: UpdateRelease;
  readonly artifact: UpdateArtifact;
}

export interface TrustedManifest {
  readonly kind: "trusted";
  readonly manifest: UpdateManifest;
}

/** The first checks: who signed it, whether it still holds, and whether a newer one was seen. In this order. */
export function trustManifest(
  signed: SignedManifest,
  { rules, record, now }: { readonly rules: UpdateRules; readonly record: UpdateRecord; readonly now: Date },
): TrustedManifest | UpdateRefusal {
  const counts = [rules.keys, record.keys].map((keys) => countSignatures(signed, keys.filter(isUpdateKey)));
  if (!counts.some((count) => count >= neededSignatures))
    return refusal(
      "SIGNATURE",
      `${neededSignatures} of the keys that this agent trusts have to sign the manifest, and ${Math.max(...counts)} did`,
    );
  const manifest = readManifest(signed);
  if (manifest === undefined)
    return refusal("SIGNATURE", "the manifest is signed and has a form that this version does not know");
  if (new Date(manifest.expires) <= now)
    return refusal("EXPIRED", `the manifest has expired at ${manifest.expires}: a newer one has to be published`);
  if (manifest.sequence < record.sequence)
    return refusal(
      "SEQUENCE",
      `the manifest has sequence ${manifest.sequence}, and this agent has seen ${record.sequence}: it is an old one`,
    );
  return { kind: "trusted", manifest };
}

/** The next ones: whether the version may be had, by this agent on this machine. In this order. */
export function chooseRelease(
  manifest: UpdateManifest,
  target: string,
  { rules, record, now }: { readonly rules: UpdateRules; readonly record: UpdateRecord; readonly now: Date },
): ChosenRelease | UpdateRefusal {
  if (!isWithin(rules.strategy, rules.version, target))
    return refusal(
      "STRATEGY",
      `--auto-update ${rules.strategy} does not allow the step from ${rules.version} to ${target}`,
    );
  const release = manifest.releases.find(({ version }) => version === target);
  if (release === undefined) return refusal("PLATFORM", `the manifest has no version ${target}`);
  if (release.withdrawn !== undefined)
    return refusal("BAD_VERSION", `version ${target} was withdrawn: ${release.withdrawn}`);
  const bad = badVersionNow(record, target, now);
  if (bad !== undefined)
    return refusal(
      "BAD_VERSION",
      `version ${target} has failed here (${bad.why}): it is not tried before ${bad.until}`,
    );
  const artifact = release.artifacts.find(({ os, arch }) => os === rules.os && arch === rules.arch);
  if (artifact === undefined)
    return refusal("PLATFORM", `version ${target} is not released for ${rules.os}-${rules.arch}`);
  if (artifact.size > maxArtifactBytes)
    return refusal("DOWNLOAD", `${artifact.file} has ${artifact.size} bytes: more than an agent may have`);
  if (isOlder(rules.serverVersion, release.min_server))
    return refusal("SERVER_VERSION", `version ${target} needs a server of version ${release.min_server}`);
  if (release.journal_format < journalFormat || release.journal_format > journalFormat + 1)
    return refusal(
      "JOURNAL_FORMAT",
      `version ${target} writes journals of form ${release.journal_format}, and this one of form ${journalFormat}`,
    );
  return { kind: "chosen", release, artifact };
}

/** Some times a Node with a program. */
export const maxArtifactBytes = 512 * 1024 * 1024;

/** Whether a strategy allows a step, up or down. */
export const isWithin = (strategy: UpdateStrategy, from: string, to: string): boolean =>
  strategy !== "disabled" && isWithinStep(strategy, from, to);

const isOlder = (server: string, needed: string): boolean =>
  isVersion(server) && isVersion(needed) && !isAtLeast(server, needed);
