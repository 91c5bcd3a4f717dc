import type { LogRead, LogStore, LogStreamId } from "../../store/ports/logs.ts";

/** What is read at once by those who do not read ahead. */
const narrowBytes = 256 * 1024;
/** By those who do, who hold twice as much: one read while the one before it is sent. */
const wideBytes = 1024 * 1024;

/** How many read ahead at a time: the memory that it takes is bounded, whoever is slow to take what was read. */
export class ReadAheadPlaces {
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  /** Undefined if there is none. */
  take(): Disposable | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    const giveBack = () => {
      this.#free += 1;
    };
    return { [Symbol.dispose]: giveBack };
  }
}

interface Reading {
  readonly stream: LogStreamId;
  readonly first: LogRead;
  /** Where to end, if the log does not end before. */
  readonly end: number;
  /** In memory that is used again: by who asks for a read only when the one before it is sent. */
  readonly giving?: "lent" | undefined;
  readonly places: ReadAheadPlaces | undefined;
}

/** The reads of a sealed log, from the first one on. */
export async function* readsToEnd(
  logs: Pick<LogStore, "read">,
  { stream, first, end, places, giving }: Reading,
): AsyncGenerator<LogRead, void> {
  using place = hasMore(first, end) ? places?.take() : undefined;
  const bytes = place === undefined ? narrowBytes : wideBytes;
  const after = (offset: number) => logs.read(stream, offset, Math.min(bytes, end - offset), giving);
  let ahead: Promise<LogRead> | undefined;
  try {
    for (let read = first; ; ) {
      // Asked now: the bytes are another's once they have been given back.
      const [isLast, { nextOffset }] = [!hasMore(read, end), read];
      ahead = place === undefined || isLast ? undefined : after(nextOffset);
      // It is awaited once its turn comes, if it comes.
      ahead?.catch(() => {});
      yield* lentFor(read);
      if (isLast) return;
      read = await (ahead ?? after(nextOffset));
      ahead = undefined;
    }
  } finally {
    void ahead?.then(({ lent }) => lent?.giveBack()).catch(() => {});
  }
}

/** The read, whose memory is given back when the next one is asked for: not when nobody asks, who may be sending it yet. */
function* lentFor(read: LogRead): Generator<LogRead, void> {
  using lent = read.lent;
  yield read;
  lent?.giveBack();
}

/** What was emptied meanwhile has no more. */
const hasMore = ({ bytes, nextOffset, length }: LogRead, end: number): boolean =>
  bytes.length > 0 && nextOffset < Math.min(length, end);
