import { closest, distance } from "fastest-levenshtein";

const maxDistance = 2;

/** The known word that was probably meant: at most two edits away, or one that begins with what was typed. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word === "" || known.length === 0) return undefined;
  const best = closest(word, [...known]);
  if (distance(word, best) <= Math.min(maxDistance, Math.max(1, word.length - 1))) return best;
  return word.length >= 2 ? known.find((name) => name.startsWith(word)) : undefined;
}

/** ` Did you mean "pool"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[], quote: (name: string) => string = quoted): string {
  const found = nearest(word, known);
  return found === undefined ? "" : ` Did you mean ${quote(found)}?`;
}

const quoted = (name: string): string => `"${name}"`;
