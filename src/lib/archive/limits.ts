import { WindlassError } from "../words/errors.ts";

/** What an uploaded archive may cost; sizes in bytes. */
export interface ArchiveLimits {
  readonly maxCompressedBytes: number;
  readonly maxExpandedBytes: number;
  /** Of names, and of directories that only follow from them. */
  readonly maxEntries: number;
  /** Of all names together, with directories that only follow from them. */
  readonly maxNamesBytes: number;
  /**
   * Expanded to compressed; looked at once `ratioFromBytes` are expanded, since small archives of repetitive text pass
   * it honestly.
   */
  readonly maxRatio: number;
  readonly ratioFromBytes: number;
  /** Path segments of one name. */
  readonly maxDepth: number;
  /** Bytes of one name or link target. */
  readonly maxNameBytes: number;
  readonly maxFileBytes: number;
}

const MiB = 1024 * 1024;

export const defaultArchiveLimits: ArchiveLimits = {
  maxCompressedBytes: 100 * MiB,
  maxExpandedBytes: 1024 * MiB,
  maxEntries: 100_000,
  maxNamesBytes: 32 * MiB,
  maxRatio: 200,
  ratioFromBytes: 8 * MiB,
  maxDepth: 64,
  maxNameBytes: 4096,
  maxFileBytes: 512 * MiB,
};

/** What an archive was found to hold. */
export interface ArchiveContents {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Bytes of all files, expanded. */
  readonly bytes: number;
  readonly compressedBytes: number;
}

/** A name as messages show it: one that is long keeps its beginning and its end. */
export function shownEntry(name: string): string {
  const isLong = name.length > longestShown;
  return JSON.stringify(isLong ? `${name.slice(0, shownHalf)}…${name.slice(-shownHalf)}`.toWellFormed() : name);
}

const longestShown = 120;
const shownHalf = 55;

interface RejectionMore {
  readonly cause?: unknown;
  /** What to do, as a sentence. */
  readonly advice?: string | undefined;
}

/** The refusal of an archive: why, and then the entry (`""` when the archive as a whole is at fault). */
export function archiveRejected(entry: string, why: string, { cause, advice }: RejectionMore = {}): WindlassError {
  const said = entry === "" ? `the archive ${why}` : `an entry ${why}: ${shownEntry(entry)}`;
  const message = advice === undefined ? said : `${said}. ${advice}`;
  return new WindlassError("archive_rejected", message, { metadata: { entry: entry.slice(0, 256), why }, cause });
}
