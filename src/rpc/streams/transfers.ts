import type { HandlerContext } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { Budget } from "../../lib/async/budget.ts";
import { taken } from "../../lib/async/pace.ts";
import { callerName, cutKey } from "../calls/caller.ts";

const mib = 1024 * 1024;
/** How long a transfer waits for others. */
const waitMs = 30_000;

/** What large objects share on their way through the server: memory for those that come in, places for those that go out. */
export class Transfers {
  readonly #clock: Control["clock"];
  readonly #places: Budget;
  /** Bytes of states and plans on their way in. */
  readonly memory: Budget;

  /** Agents try again when a transfer is refused as unavailable; people are told that there is a limit. */
  constructor({ clock }: Pick<Control, "clock">, refusal: "rate_limited" | "storage_unavailable") {
    this.#clock = clock;
    const common = { waitMs, maxWaiting: 100, refusal, clock };
    this.memory = new Budget({ what: "bytes on their way in", total: 512 * mib, perKey: 256 * mib, ...common });
    this.#places = new Budget({ what: "downloads at once", total: 256, perKey: 32, ...common });
  }

  /**
   * A download: it waits for a place, stops when the caller has gone, and cuts off a caller that does not read. Its
   * messages are small, so that one that reads slowly is told from one that does not; together they have at most
   * `maxBytes`, if that is not 0.
   */
  async *download(
    { values, signal }: Pick<HandlerContext, "values" | "signal">,
    pieces: AsyncIterable<Uint8Array>,
    maxBytes = 0n,
  ): AsyncGenerator<{ readonly chunk: Uint8Array }, void> {
    using _place = await this.#places.take(callerName(values), 1, signal);
    const wanted = maxBytes === 0n ? Number.MAX_SAFE_INTEGER : Number(maxBytes);
    for await (const chunk of taken(messagesOf(pieces, wanted), this.#clock, values.get(cutKey))) {
      signal.throwIfAborted();
      yield { chunk };
    }
  }
}

/** Of one message. */
const messageBytes = 64 * 1024;

async function* messagesOf(pieces: AsyncIterable<Uint8Array>, wanted: number): AsyncGenerator<Uint8Array> {
  let left = wanted;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length && left > 0; from += messageBytes) {
      const message = piece.subarray(from, Math.min(from + messageBytes, from + left));
      left -= message.length;
      yield message;
    }
    if (left === 0) return;
  }
}
