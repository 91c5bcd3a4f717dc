import { type ArchiveLimits, defaultArchiveLimits } from "../../lib/archive/limits.ts";

/** What a name may be: as in a configuration. */
export const nameLimits = defaultArchiveLimits;

/** Where everything that goes with a plan stands in its archive. */
export const filesPrefix = "files/";
/** A list of the paths that are gone, in JSON. */
export const removedName = "removed.json";

/** Most names that go with a plan: as many as a configuration may have. */
export const maxCarried = defaultArchiveLimits.maxEntries;

/** Names of what goes with a plan, and of the directories of the configuration that it lies in. */
export const carriedLimits: ArchiveLimits = { ...defaultArchiveLimits, maxEntries: 2 * maxCarried };

/** Names below the configuration that are looked at: its own, with directories, and what a plan adds. */
export const maxWalked = 4 * defaultArchiveLimits.maxEntries;
export const maxWalkedDepth = defaultArchiveLimits.maxDepth + 1;

/** Most bytes that go with a plan, whatever the control plane takes. */
export const maxCarriedBytes = defaultArchiveLimits.maxExpandedBytes;

/** What an apply takes. Builds pack well, a file of zeros a thousand times: the size alone counts. */
export const unpackLimits: ArchiveLimits = {
  ...defaultArchiveLimits,
  maxCompressedBytes: maxCarriedBytes,
  maxExpandedBytes: 2 * maxCarriedBytes,
  maxFileBytes: maxCarriedBytes,
  // A long name takes an entry of its own.
  maxEntries: 3 * maxCarried + 2,
  // `filesPrefix` stands before each of them.
  maxNamesBytes: 2 * carriedLimits.maxNamesBytes,
  maxRatio: Number.POSITIVE_INFINITY,
  maxDepth: defaultArchiveLimits.maxDepth + 2,
  maxNameBytes: defaultArchiveLimits.maxNameBytes + filesPrefix.length,
};
