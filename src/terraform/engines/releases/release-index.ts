import { parse, rcompare } from "semver";
import * as z from "zod";
import { WindlassError } from "../../../lib/words/errors.ts";
import type { VersionConstraint } from "../../../lib/words/version-constraint.ts";

/** HashiCorp's list has the versions as keys, OpenTofu's as ids. */
const indexShape = z.object({
  versions: z.union([
    z.array(z.object({ id: z.string() })).transform((list) => list.map(({ id }) => id)),
    z.record(z.string(), z.unknown()).transform((byVersion) => Object.keys(byVersion)),
  ]),
});

/**
 * The versions in a vendor's list; what is no version is passed over. Throws `validation`, naming `from`, when it is no
 * list.
 */
export function versionsIn(index: Uint8Array, from: string): readonly string[] {
  try {
    const { versions } = indexShape.parse(JSON.parse(Buffer.from(index).toString("utf8")));
    return versions.filter(isVersion);
  } catch (cause) {
    const message = `${from} is no list of releases: expected the index.json of HashiCorp or the api.json of OpenTofu`;
    throw new WindlassError("validation", message, { cause });
  }
}

/** True for an exact version, which may become part of an address or a file's name. */
export const isVersion = (text: string): boolean =>
  parse(text)?.version === text && /^[0-9][0-9A-Za-z.-]{0,63}$/.test(text);

/** The newest version that fits; pre-releases only where the constraint names one. */
export function newestAllowed(versions: readonly string[], constraint: VersionConstraint): string | undefined {
  return versions.filter((version) => mayBeChosen(version, constraint)).sort(rcompare)[0];
}

/** True for a version that fits and that somebody asked for, if it is a pre-release. */
export const mayBeChosen = (version: string, constraint: VersionConstraint): boolean =>
  constraint.allows(version) && (constraint.namesPrerelease || parse(version)?.prerelease.length === 0);
