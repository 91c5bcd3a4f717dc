import { nearest } from "../../lib/did-you-mean.ts";

/** ` Did you mean "pool"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[], quote: (name: string) => string = quoted): string {
  const found = nearest(word, known);
  return found === undefined ? "" : ` Did you mean ${quote(found)}?`;
}

const quoted = (name: string): string => `"${name}"`;
