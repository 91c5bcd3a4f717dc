import { WindlassError } from "../../../lib/words/errors.ts";

const linePattern = /^([0-9a-f]{64}) [ *](\S+)$/;

/**
 * The SHA-256 of a file in the output of `sha256sum`, undefined when the list does not have it. Throws
 * `checksum_mismatch`, naming `from`, when a line cannot be read or the file is there with two sums.
 */
export function checksumIn(list: string, file: string, from: string): string | undefined {
  const found = new Set<string>();
  for (const line of list.split(/\r?\n/).map((text) => text.trim())) {
    if (line === "") continue;
    const [, sum, name] = linePattern.exec(line) ?? [];
    if (sum === undefined)
      throw refused(from, `${JSON.stringify(line.slice(0, 80))} is no checksum with a file's name`);
    if (name === file) found.add(sum);
  }
  if (found.size > 1) throw refused(from, `it has two checksums of ${file}`);
  return [...found][0];
}

const refused = (from: string, why: string): WindlassError =>
  new WindlassError("checksum_mismatch", `${from} cannot be trusted: ${why}`);
