/** Hears of the end of a stream, whichever way it comes. */
export interface StreamObserver {
  /** Called when the source has no more items; what it throws is the end instead. */
  readonly onDone?: (() => void) | undefined;
  /** The error that the reader gets instead. */
  readonly onError?: ((error: unknown) => unknown) | undefined;
  /** Called once, when the reader has got the last item or an error, or has stopped reading. */
  readonly onEnd?: (() => void) | undefined;
}

/** Tells an iterator, when the scope ends, that nobody reads on. It is not waited for: it may be in the middle of a read. */
export const endedLater = (iterator: AsyncIterator<unknown>): Disposable => ({
  [Symbol.dispose]: () => void iterator.return?.()?.then(undefined, () => {}),
});

/** The items, each as `map` answers. What the reader says to the iterator reaches the source unchanged. */
export function mapItems<T, U>(source: AsyncIterable<T>, map: (item: T) => U | Promise<U>): AsyncIterable<U> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = source[Symbol.asyncIterator]();
      // What is mapped at once is not waited for: a stream passes several of these.
      const mapped = (result: IteratorResult<T>): IteratorResult<U> | Promise<IteratorResult<U>> => {
        if (result.done === true) return result;
        const value = map(result.value);
        return value instanceof Promise ? value.then(asItem) : asItem(value);
      };
      return { ...passing(iterator, mapped), next: async () => mapped(await iterator.next()) };
    },
  };
}

/** The items unchanged, while somebody listens for the end. */
export function observed<T>(
  source: AsyncIterable<T>,
  { onDone, onError = (error) => error, onEnd }: StreamObserver,
): AsyncIterable<T> {
  let hasEnded = false;
  const end = () => {
    if (!hasEnded) onEnd?.();
    hasEnded = true;
  };
  const unlessDone = (result: IteratorResult<T>) => {
    if (result.done === true) onDone?.();
    return result;
  };
  const watched = async (step: Promise<IteratorResult<T>>): Promise<IteratorResult<T>> => {
    try {
      const result = await step;
      if (result.done === true) end();
      return result;
    } catch (error) {
      const shown = onError(error);
      end();
      throw shown;
    }
  };
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = source[Symbol.asyncIterator]();
      const { return: stop, throw: fail } = iterator;
      return {
        next: () => watched(iterator.next().then(unlessDone)),
        ...(stop === undefined ? {} : { return: (value?: unknown) => watched(stop.call(iterator, value)) }),
        ...(fail === undefined ? {} : { throw: (error?: unknown) => watched(fail.call(iterator, error)) }),
      };
    },
  };
}

const asItem = <U>(value: U): IteratorResult<U> => ({ done: false, value });

/** `return` and `throw` of an iterator that has them. */
function passing<T, U>(
  iterator: AsyncIterator<T>,
  mapped: (result: IteratorResult<T>) => IteratorResult<U> | Promise<IteratorResult<U>>,
) {
  const { return: stop, throw: fail } = iterator;
  return {
    ...(stop === undefined ? {} : { return: async (value?: unknown) => mapped(await stop.call(iterator, value)) }),
    ...(fail === undefined ? {} : { throw: async (error?: unknown) => mapped(await fail.call(iterator, error)) }),
  };
}

/** The items, of which the first one is there: what the source refuses with has been thrown. */
export async function begun<T>(source: AsyncGenerator<T, void>): Promise<AsyncIterableIterator<T>> {
  let first: IteratorResult<T, void> | undefined = await source.next();
  const items: AsyncIterableIterator<T> = {
    next: async () => {
      const held = first;
      first = undefined;
      return held ?? source.next();
    },
    return: () => source.return(),
    [Symbol.asyncIterator]: () => items,
  };
  return items;
}
