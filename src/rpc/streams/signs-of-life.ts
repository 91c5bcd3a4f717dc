import { notAwaited } from "../../lib/async/abort.ts";
import { endedLater } from "../../lib/async/streams.ts";
import type { Clock } from "../../lib/clock.ts";

/** Proxies end streams on which no byte passes for 10 s and more; their users are promised a message every 10 s. */
const silentMs = 8_000;

interface Silence<T> {
  readonly clock: Clock;
  /** What is said while there is nothing to say; undefined is nothing. */
  readonly sign: (last: T | undefined) => T | undefined;
}

/** The items; and whenever none has come for a while, a sign that the stream lives. */
export async function* withSigns<T>(source: AsyncIterable<T>, { clock, sign }: Silence<T>): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  using _ended = endedLater(iterator);
  let last: T | undefined;
  for (;;) {
    const next = iterator.next();
    while (await isSilent(next, clock)) {
      const said = sign(last);
      if (said !== undefined) yield said;
    }
    const { done, value } = await next;
    if (done === true) return;
    last = value;
    yield value;
  }
}

/** False as soon as the next item is there, or will never be. */
async function isSilent(next: Promise<unknown>, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  const isOver = next.then(
    () => false,
    () => false,
  );
  const hasPassed = clock.sleep(silentMs, over.signal).then(
    () => true,
    () => false,
  );
  const silent = await Promise.race([isOver, hasPassed]);
  over.abort(notAwaited);
  return silent;
}
