import { wholePiecesOf } from "../../http/drain.ts";
import type { HttpRequest } from "../../http/messages.ts";
import { Budget } from "../../lib/async/budget.ts";
import { paced, progressMs } from "../../lib/async/pace.ts";
import { begun } from "../../lib/async/streams.ts";
import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";

const mib = 1024 * 1024;
/** How long a transfer waits for others. */
const waitMs = 30_000;
/** What a large document takes: its text, what is parsed of it, and the bytes that it stands for. */
const documentShare = 3;
/** A document with states in it has no more; larger ones are announced, and uploaded by themselves. */
export const maxLargeDocumentBytes = 32 * mib;
/** How long such a document may be on its way, which is 2.2 Mbit/s: whoever has less announces it. */
export const largeDocumentMs = 120_000;

interface Sharing {
  /** Who shares with others. */
  readonly of: string;
  readonly signal: AbortSignal;
}

interface Wanted {
  readonly what: string;
  readonly maxBytes: number;
}

/** What large objects share on their way through the API: memory for those that come in documents, places for those that go out. */
export class ObjectTransfers {
  readonly #clock: Clock;
  readonly #downloads: Budget;
  readonly #uploads: Budget;
  readonly #memory: Budget;

  constructor(clock: Clock) {
    this.#clock = clock;
    const common = { waitMs, maxWaiting: 100, clock };
    const share = documentShare * maxLargeDocumentBytes;
    this.#memory = new Budget({
      what: "large documents on their way in",
      total: 4 * share,
      perKey: share,
      ...common,
    });
    this.#downloads = new Budget({ what: "downloads at once", total: 256, perKey: 64, ...common });
    this.#uploads = new Budget({ what: "uploads at once", total: 256, perKey: 64, ...common });
  }

  /** Memory for a large document, before any of it is read: one organization has one of the largest at a time. */
  memoryFor(bytes: number, { of, signal }: Sharing): Promise<Disposable> {
    return this.#memory.take(of, documentShare * bytes, signal);
  }

  /**
   * The pieces of a download, which has begun: what it is refused for has been thrown. Whoever does not read it to its end gives its
   * place back with `return`.
   */
  async download(
    pieces: AsyncIterable<Uint8Array>,
    { of, signal }: Sharing,
  ): Promise<AsyncIterableIterator<Uint8Array>> {
    const places = this.#downloads;
    const placed = async function* (): AsyncGenerator<Uint8Array, void> {
      using _place = await places.take(of, 1, signal);
      yield* pieces;
    };
    return begun(placed());
  }

  /**
   * The body of a request, in pieces. Throws `upload_too_large`, at once if it is announced so, and `canceled` when its sender
   * hardly sends.
   */
  upload(
    { request, signal }: { readonly request: HttpRequest; readonly signal: AbortSignal },
    { of, ...wanted }: Wanted & Pick<Sharing, "of">,
  ): AsyncGenerator<Uint8Array, void> {
    const { what, maxBytes } = wanted;
    if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(what, maxBytes);
    const [clock, places] = [this.#clock, this.#uploads];
    return (async function* placed() {
      using _place = await places.take(of, 1, signal);
      yield* bounded(
        paced(wholePiecesOf(request), clock, () => tooSlow(what)),
        wanted,
      );
    })();
  }
}

async function* bounded(
  pieces: AsyncIterable<Uint8Array>,
  { what, maxBytes }: Wanted,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(what, maxBytes);
    yield piece;
  }
}

const tooLarge = (what: string, maxBytes: number): WindlassError =>
  new WindlassError("upload_too_large", `the ${what} has more than ${maxBytes} bytes, which are accepted at most`, {
    metadata: { limit_bytes: String(maxBytes) },
  });

const tooSlow = (what: string): WindlassError =>
  new WindlassError(
    "canceled",
    `the ${what} came too slowly: less than 16 KiB in ${progressMs / 1_000} s. Nothing was stored: send it again`,
  );
