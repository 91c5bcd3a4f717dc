import type { Clock } from "../clock.ts";

/** The reason for what is ended because nobody waits for it any more. One for all: each of its own has a stack. */
export const notAwaited: Error = new DOMException("nobody waits for this any more", "AbortError");

/** Settles as the promise does, or rejects with the signal's reason as soon as it is aborted; the promise itself goes on. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(signal.reason);
  }
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  return result;
}

/** How a promise settles: it never rejects, so that nobody has to listen at once. */
export async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

/**
 * The items of the iterable until it ends or the signal is aborted, whichever comes first; an abort is a quiet end.
 * A source that is blocked in the middle of a read is told to return, and not waited for.
 */
export async function* untilAborted<T>(iterable: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = iterable[Symbol.asyncIterator]();
  let isDone = false;
  try {
    while (!signal.aborted) {
      const result = await nextUnlessAborted(iterator, signal);
      if (result === undefined) return;
      isDone = result.done === true;
      if (result.done) return;
      yield result.value;
    }
  } catch (error) {
    isDone = true;
    throw error;
  } finally {
    if (!isDone) void iterator.return?.()?.then(undefined, () => {});
  }
}

/** Listens to the signal for one step only: racing each step with one long promise would remember every step. */
function nextUnlessAborted<T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<IteratorResult<T> | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T> | undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  iterator
    .next()
    .then(resolve, reject)
    .finally(() => signal.removeEventListener("abort", onAbort));
  return promise;
}

/**
 * The results of works that were begun together. When one fails, the others are told by the signal and waited for
 * before its error is thrown: none goes on behind the back of who began them.
 */
export async function together<const T extends readonly unknown[]>(
  parent: AbortSignal,
  begin: (signal: AbortSignal) => T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  using over = linkSignals(parent);
  const works = begin(over.signal);
  try {
    return await Promise.all(works);
  } catch (error) {
    over.abort(error);
    await Promise.allSettled(works);
    throw error;
  }
}

/** A signal with an owner: it follows its parents, can be aborted by itself, and listens to nobody once disposed. */
export interface OwnedSignal extends Disposable {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

/**
 * A signal that is aborted with any of the parents, with that parent's reason. Dispose it, or long-lived parents
 * collect listeners.
 */
export function linkSignals(...parents: readonly (AbortSignal | undefined)[]): OwnedSignal {
  const controller = new AbortController();
  const listeners = parents.map((parent) => () => controller.abort(parent?.reason));
  parents.forEach((parent, index) => {
    const onAbort = listeners[index];
    if (parent?.aborted) controller.abort(parent.reason);
    else if (parent !== undefined && onAbort !== undefined) parent.addEventListener("abort", onAbort, { once: true });
  });
  return {
    signal: controller.signal,
    abort: (reason = notAwaited) => controller.abort(reason),
    [Symbol.dispose]: () => {
      parents.forEach((parent, index) => {
        const onAbort = listeners[index];
        if (onAbort !== undefined) parent?.removeEventListener("abort", onAbort);
      });
    },
  };
}

/** How much of a time-out is left, in whole milliseconds and at least 1; undefined for one that is none. */
export function timeLeft(clock: Clock, timeoutMs: number | undefined): () => number | undefined {
  const startMs = clock.monotonicMs();
  return () => timeoutMs && Math.max(1, Math.ceil(timeoutMs - (clock.monotonicMs() - startMs)));
}

/** A signal that is aborted with a `TimeoutError` after `ms`, or earlier with the parent. Dispose it to stop its timer. */
export function deadlineAfter(clock: Clock, ms: number, parent?: AbortSignal): OwnedSignal {
  const linked = linkSignals(parent);
  const done = new AbortController();
  clock.sleep(ms, done.signal).then(
    () => linked.abort(new DOMException(`not finished after ${ms} ms`, "TimeoutError")),
    () => {},
  );
  return {
    ...linked,
    [Symbol.dispose]: () => {
      done.abort(notAwaited);
      linked[Symbol.dispose]();
    },
  };
}
