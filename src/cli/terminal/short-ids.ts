import { idPrefixes } from "../../lib/words/ids.ts";

const wholeId = new RegExp(`\\b(${idPrefixes.join("|")})_([0-7][0-9a-hjkmnp-tv-z]{25})\\b`, "g");

const shortId = new RegExp(`^(${idPrefixes.join("|")})_[0-7][0-9a-hjkmnp-tv-z]{7,25}$`);

/** So many characters tell apart what an organization has, not only what a table shows. */
const leastCharacters = 8;

/** True for an id that is whole or was shortened here, with nothing beside it. */
export const isShortId = (text: string): boolean => shortId.test(text);

/** Shortens every id in a text, each kind to the same length: the least by which those in these texts differ. */
export function shortIds(texts: readonly string[]): (text: string) => string {
  const seen = new Map<string, Set<string>>();
  for (const [, kind = "", suffix = ""] of texts.flatMap((text) => [...text.matchAll(wholeId)])) {
    seen.set(kind, (seen.get(kind) ?? new Set()).add(suffix));
  }
  const lengths = new Map([...seen].map(([kind, suffixes]) => [kind, leastLength([...suffixes])]));
  return (text) =>
    text.replace(wholeId, (_, kind: string, suffix: string) => `${kind}_${suffix.slice(0, lengths.get(kind))}`);
}

function leastLength(suffixes: readonly string[]): number {
  const sorted = suffixes.toSorted();
  const common = sorted.slice(1).map((one, index) => commonLength(one, sorted[index] ?? ""));
  return Math.max(leastCharacters, ...common.map((length) => length + 1));
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
