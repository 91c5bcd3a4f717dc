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
  using watch = new SilenceWatch(clock);
  let last: T | undefined;
  for (;;) {
    const next = iterator.next();
    while (await watch.isSilent(next)) {
      const said = sign(last);
      if (said !== undefined) yield said;
    }
    const { done, value } = await next;
    if (done === true) return;
    last = value;
    yield value;
  }
}

/** Tells the silences of one stream. One timer looks after all of its items: most come long before it. */
class SilenceWatch implements Disposable {
  readonly #clock: Clock;
  readonly #over = new AbortController();
  #isWatching = false;
  #waitsSinceMs = 0;
  #tell: (isSilent: boolean) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False as soon as the next item is there, or will never be; true when it has been waited for too long. */
  isSilent(next: Promise<unknown>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const isOver = () => resolve(false);
    next.then(isOver, isOver);
    this.#tell = resolve;
    this.#waitsSinceMs = this.#clock.monotonicMs();
    if (!this.#isWatching) void this.#watch();
    return promise;
  }

  [Symbol.dispose](): void {
    this.#over.abort(notAwaited);
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    const { signal } = this.#over;
    while (!signal.aborted) {
      const leftMs = this.#waitsSinceMs + silentMs - this.#clock.monotonicMs();
      if (leftMs > 0) await this.#clock.sleep(leftMs, signal).catch(() => {});
      else {
        // Whoever is told says so, and waits anew.
        this.#waitsSinceMs = this.#clock.monotonicMs();
        this.#tell(true);
      }
    }
  }
}
