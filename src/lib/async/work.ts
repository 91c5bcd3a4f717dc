import { setImmediate as nextTurn } from "node:timers/promises";

/** Work in pieces; after each it says how much that was: about the characters that were looked at. */
export type Work<T> = Generator<number, T, undefined>;

/** After so much others get their turn: that takes some milliseconds. */
const pieceSize = 32 * 1024;

/** Does all of it. */
export function atOnce<T>(work: Work<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** Does all of it, and others get their turn in between. */
export async function inTurns<T>(work: Work<T>): Promise<T> {
  for (let size = 0; ; ) {
    const { done, value } = work.next();
    if (done === true) return value;
    size += value;
    if (size < pieceSize) continue;
    size = 0;
    await nextTurn();
  }
}
