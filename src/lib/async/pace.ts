import type { Clock } from "../clock.ts";
import { abortable, deadlineAfter } from "./abort.ts";

/**
 * How long a peer may take for each 16 KiB that it sends. A link of 250 kbit/s that loses packets and is shared by a
 * dozen transfers still carries more.
 */
export const progressMs = 30_000;
const stepBytes = 16 * 1024;
/** How long it may take for each piece that it gets: those have 64 KiB at most, so that this is the same pace. */
const takenMs = 120_000;

/** The pieces of a body whose sender goes on sending; `tooSlow` is thrown when it does not. Only waiting for it counts. */
export async function* paced(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
  tooSlow: () => unknown,
): AsyncGenerator<Uint8Array, void> {
  const iterator = source[Symbol.asyncIterator]();
  const next = async (ms: number) => {
    using deadline = deadlineAfter(clock, ms);
    return await abortable(iterator.next(), deadline.signal).catch((error: unknown) => {
      throw deadline.signal.aborted ? tooSlow() : error;
    });
  };
  let leftMs = progressMs;
  let bytes = 0;
  for (;;) {
    const askedAt = clock.monotonicMs();
    const step = await next(leftMs);
    if (step.done === true) return;
    bytes += step.value.length;
    leftMs -= clock.monotonicMs() - askedAt;
    if (bytes >= stepBytes) [bytes, leftMs] = [0, progressMs];
    yield step.value;
  }
}

/** The items, while their reader takes them: it is cut off when it does not. */
export async function* taken<T>(source: AsyncIterable<T>, clock: Clock, cut: () => void): AsyncGenerator<T, void> {
  for await (const item of source) {
    const isTaken = new AbortController();
    clock.sleep(takenMs, isTaken.signal).then(cut, () => {});
    try {
      yield item;
    } finally {
      isTaken.abort();
    }
  }
}
