/** Where a part of a document stands: from its first byte to the one after its last. */
export interface TextPlace {
  readonly from: number;
  readonly to: number;
}

/** What stands there instead. */
export interface NewText extends TextPlace {
  readonly text: string;
}

/**
 * The same document with other texts at some places, piece by piece. Only these are written anew: what a parser would do to large
 * numbers and to the order of keys must not happen to a state.
 */
export async function* withTexts(
  document: AsyncIterable<Uint8Array>,
  texts: readonly NewText[],
): AsyncGenerator<Uint8Array, void> {
  const ordered = texts.toSorted((a, b) => a.from - b.from);
  let at = 0;
  for await (const piece of document) {
    const end = at + piece.length;
    let done = at;
    for (const { from, to, text } of ordered) {
      if (to <= at || from >= end) continue;
      if (from > done) yield piece.subarray(done - at, from - at);
      if (from >= at) yield Buffer.from(text);
      done = Math.max(done, Math.min(to, end));
    }
    if (done < end) yield piece.subarray(done - at);
    at = end;
  }
}
