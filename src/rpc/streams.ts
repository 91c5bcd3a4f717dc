/** Hears of the end of a stream, whichever way it comes. */
export interface StreamObserver {
  /** The error that the reader gets instead. */
  readonly onError?: (error: unknown) => unknown;
  /** Called once, when the reader has got the last item or an error, or has stopped reading. */
  readonly onEnd?: () => void;
}

/** The items, each as `map` answers. What the reader says to the iterator reaches the source unchanged. */
export function mapItems<T, U>(source: AsyncIterable<T>, map: (item: T) => U): AsyncIterable<U> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = source[Symbol.asyncIterator]();
      const mapped = (result: IteratorResult<T>): IteratorResult<U> =>
        result.done === true ? result : { done: false, value: map(result.value) };
      return { ...passing(iterator, mapped), next: async () => mapped(await iterator.next()) };
    },
  };
}

/** The items unchanged, while somebody listens for the end. */
export function observed<T>(
  source: AsyncIterable<T>,
  { onError = (error) => error, onEnd }: StreamObserver,
): AsyncIterable<T> {
  let hasEnded = false;
  const end = () => {
    if (!hasEnded) onEnd?.();
    hasEnded = true;
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
        next: () => watched(iterator.next()),
        ...(stop === undefined ? {} : { return: (value?: unknown) => watched(stop.call(iterator, value)) }),
        ...(fail === undefined ? {} : { throw: (error?: unknown) => watched(fail.call(iterator, error)) }),
      };
    },
  };
}

/** `return` and `throw` of an iterator that has them. */
function passing<T, U>(iterator: AsyncIterator<T>, mapped: (result: IteratorResult<T>) => IteratorResult<U>) {
  const { return: stop, throw: fail } = iterator;
  return {
    ...(stop === undefined ? {} : { return: async (value?: unknown) => mapped(await stop.call(iterator, value)) }),
    ...(fail === undefined ? {} : { throw: async (error?: unknown) => mapped(await fail.call(iterator, error)) }),
  };
}
