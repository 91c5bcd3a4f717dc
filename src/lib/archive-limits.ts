import { WindlassError } from "./errors.ts";

/** What an uploaded archive may cost; sizes in bytes. */
export interface ArchiveLimits {
  readonly maxCompressedBytes: number;
  readonly maxExpandedBytes: number;
  readonly maxEntries: number;
  /** Expanded to compressed; looked at once `ratioFromBytes` are expanded, since small archives of repetitive text pass it honestly. */
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

/** The refusal of an archive: names the entry (`""` when the archive as a whole is at fault) and why. */
export function archiveRejected(entry: string, why: string, cause?: unknown): WindlassError {
  const where = entry === "" ? "the archive" : `entry ${JSON.stringify(entry)}`;
  return new WindlassError("archive_rejected", `${where} ${why}`, {
    metadata: { entry: entry.slice(0, 256), why },
    cause,
  });
}
