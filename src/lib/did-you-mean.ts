import { closest, distance } from "fastest-levenshtein";

/** The known word that was probably meant: a few edits away, or one that begins with what was typed. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word === "" || known.length === 0) return undefined;
  const best = closest(word, [...known]);
  if (distance(word, best) <= mostEdits(word)) return best;
  return word.length >= 2 ? known.find((name) => name.startsWith(word)) : undefined;
}

/** `: did you mean listen?` when a known name is near, else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const found = nearest(word, known);
  return found === undefined ? "" : `: did you mean ${found}?`;
}

/** Two, or a quarter of a long word; never all of it. */
function mostEdits(word: string): number {
  // What all of them begin with says nothing about the rest.
  const { length } = word.replace(/^(--|WINDLASS_(AGENT_|SERVER_)?)/, "");
  return Math.min(Math.max(1, length - 1), Math.max(2, Math.ceil(length / 4)));
}
