import { WindlassError } from "../../lib/words/errors.ts";

/** The last code point of Unicode: in UTF-8 no other character sorts after it. */
const lastCharacter = "\u{10ffff}";

/**
 * A file name `<start><ending>` that sorts after every one of `names` in byte order, as terraform reads a directory.
 * Throws `validation` when the directory already holds a name that none can follow.
 */
export function nameThatSortsLast(names: readonly string[], start: string, ending: string): string {
  const greatest = names
    .map((name) => Buffer.from(name))
    .reduce((a, b) => (Buffer.compare(a, b) >= 0 ? a : b), Buffer.alloc(0));
  for (let count = 0; count * 4 + start.length + ending.length <= 255; count += 1) {
    const name = `${lastCharacter.repeat(count)}${start}${ending}`;
    if (Buffer.compare(Buffer.from(name), greatest) > 0) return name;
  }
  throw new WindlassError(
    "validation",
    `no file name sorts after ${JSON.stringify(greatest.toString())}: rename that file`,
  );
}
