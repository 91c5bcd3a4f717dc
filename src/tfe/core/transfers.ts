import { piecesOf } from "../../http/drain.ts";
import type { HttpRequest } from "../../http/messages.ts";
import { Budget } from "../../lib/async/budget.ts";
import { paced, progressMs } from "../../lib/async/pace.ts";
import { begun } from "../../lib/async/streams.ts";
import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";

const mib = 1024 * 1024;
/** How long a transfer waits for others. */
const waitMs = 30_000;

/** What large objects share on their way through the API: memory for those that come in documents, places for those that go out. */
export class ObjectTransfers {
  readonly #clock: Clock;
  readonly #places: Budget;
  /** Bytes of large documents on their way in. */
  readonly memory: Budget;

  constructor(clock: Clock) {
    this.#clock = clock;
    const common = { waitMs, maxWaiting: 100, clock };
    this.memory = new Budget({
      what: "large documents on their way in",
      total: 256 * mib,
      perKey: 128 * mib,
      ...common,
    });
    this.#places = new Budget({ what: "downloads at once", total: 256, perKey: 32, ...common });
  }

  /**
   * The pieces of a download, which has begun: what it is refused for has been thrown. Whoever does not read it to its end gives its
   * place back with `return`.
   */
  async download(
    pieces: AsyncIterable<Uint8Array>,
    { of, signal }: { readonly of: string; readonly signal: AbortSignal },
  ): Promise<AsyncIterableIterator<Uint8Array>> {
    const places = this.#places;
    const placed = async function* (): AsyncGenerator<Uint8Array, void> {
      using _place = await places.take(of, 1, signal);
      yield* pieces;
    };
    return begun(placed());
  }

  /**
   * The body of a request, in pieces. Throws `upload_too_large`, at once if it is announced so, and `deadline_exceeded` when its
   * sender hardly sends.
   */
  upload(
    { request }: { readonly request: HttpRequest },
    { what, maxBytes }: { readonly what: string; readonly maxBytes: number },
  ): AsyncGenerator<Uint8Array, void> {
    if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(what, maxBytes);
    return bounded(
      paced(piecesOf(request), this.#clock, () => tooSlow(what)),
      { what, maxBytes },
    );
  }
}

async function* bounded(
  pieces: AsyncIterable<Uint8Array>,
  { what, maxBytes }: { readonly what: string; readonly maxBytes: number },
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
