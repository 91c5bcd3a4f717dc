import { gte, major, minor, prerelease, rcompare, valid } from "semver";

/** How far a step between versions may go: `patch` stays in a minor version, `minor` in a major one. */
export type VersionStep = "patch" | "minor";

export const isVersion = (text: string): boolean => valid(text) === text;

/** Whether a step, up or down, is no larger than allowed; false for what is no version. */
export function isWithinStep(step: VersionStep, from: string, to: string): boolean {
  if (!isVersion(from) || !isVersion(to) || major(from) !== major(to)) return false;
  return step === "minor" || minor(from) === minor(to);
}

/** Whether one version is another or newer; false for what is no version. */
export const isAtLeast = (version: string, least: string): boolean =>
  isVersion(version) && isVersion(least) && gte(version, least);

export const isPrerelease = (version: string): boolean => prerelease(version) !== null;

/** For sorting, newest first. */
export const newestFirst = (a: string, b: string): number => rcompare(a, b);
