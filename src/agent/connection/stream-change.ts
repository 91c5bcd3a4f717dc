import type { SessionRequest } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { abortable, deadlineAfter } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import type { LogSender } from "./log-sender.ts";
import { wireBytes } from "./sent-bytes.ts";
import type { StreamBudget, StreamLimits, StreamUse } from "./stream-limits.ts";

/** How long a stream that is given up waits for what has been sent to be acknowledged, and then for its end. */
const settleMs = 2_000;
const handOverMs = 5_000;
/** What may be under way beside logs when a stream is cut. */
const unseenBytes = 32 * 1024;

/** A stream that is in use. */
export interface ReadyStream {
  readonly sinceMs: number;
  readonly logs: LogSender;
}

/** Counts what one stream carries, and gives it up for the next one before it comes to a bound of something on the way. */
export class StreamChange {
  readonly #clock: Clock;
  readonly #limits: StreamLimits;
  readonly #budget: StreamBudget;
  readonly #begun = new AbortController();
  #sentBytes = 0;

  constructor({ clock, limits }: { readonly clock: Clock; readonly limits: StreamLimits }) {
    this.#clock = clock;
    this.#limits = limits;
    this.#budget = limits.budget();
  }

  /** Aborted once the stream is given up: nothing more of any log goes out on it. */
  get begun(): AbortSignal {
    return this.#begun.signal;
  }

  /** Notes a message; true if the stream should be given up now. */
  sent(request: SessionRequest): boolean {
    this.#sentBytes += wireBytes(request);
    return this.#sentBytes >= this.#budget.bytes;
  }

  /** Resolves with true when the stream should be given up because of its age, with false when it has ended. */
  async dueInTime(over: AbortSignal): Promise<boolean> {
    if (!Number.isFinite(this.#budget.ms)) return false;
    return await this.#clock.sleep(this.#budget.ms, over).then(
      () => true,
      () => false,
    );
  }

  /** The server has answered on it. */
  isAlive(stream: ReadyStream): void {
    this.#limits.goesOn(this.#use(stream));
  }

  /** It was ended by neither side. True if a bound on the way explains it. */
  wasCut(stream: ReadyStream): boolean {
    return this.#limits.ended(this.#use(stream)) || this.#begun.signal.aborted;
  }

  /**
   * Sends no more of any log and waits for what is under way: nothing is lost, and little is said twice. False if it
   * was begun before.
   */
  async begin({ logs }: ReadyStream, over: AbortSignal): Promise<boolean> {
    if (this.#begun.signal.aborted) return false;
    this.#begun.abort();
    using settling = deadlineAfter(this.#clock, settleMs, over);
    await abortable(logs.settled(), settling.signal).catch(() => {});
    return true;
  }

  /** Resolves when the server has had its time to end a stream whose one side has ended, or when it has. */
  async untilHandedOver(over: AbortSignal): Promise<void> {
    await this.#clock.sleep(handOverMs, over).catch(() => {});
  }

  #use({ logs, sinceMs }: ReadyStream): StreamUse {
    const arrivedBytes = Math.max(0, this.#sentBytes - logs.unacknowledgedBytes - unseenBytes);
    return { sentBytes: this.#sentBytes, arrivedBytes, livedMs: this.#clock.monotonicMs() - sinceMs };
  }
}
