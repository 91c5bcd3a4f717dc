import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import { shownSize } from "../../lib/text/size-text.ts";
import { tooLargePackets } from "../../lib/way/packet-words.ts";

const kib = 1024;
const mib = 1024 * kib;

/** What a stream has carried and how long it has lived. */
export interface StreamUse {
  /** Bytes that were given to the stream; a part of them may not have left this machine. */
  readonly sentBytes: number;
  /** Bytes of these of which it is known that they have arrived. */
  readonly arrivedBytes: number;
  readonly livedMs: number;
}

/** After what a stream is given up for a new one; infinite where nothing bounds it. */
export interface StreamBudget {
  readonly bytes: number;
  readonly ms: number;
}

/** The share of a bound that is used: what is on its way when it is reached has to pass as well. */
const usedShare = 0.85;
/** At least so much of a bound is left free: a piece of a log, and what is said beside it. */
const marginBytes = 96 * kib;
/** A bound below could not be kept to, and an end below says nothing. */
const leastBytes = 256 * kib;
const leastMs = 5_000;
/** The default of nginx (client_max_body_size): one stream that ends there is enough to know it. */
const usualBytes = mib;
/** Two ends that differ by less are at the same place. */
const likeness = 0.05;
/** After this long a bound is tried once: whoever has set it may have lifted it. */
const triedAgainMs = 3_600_000;

type Bound =
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "time"; readonly ms: number };

/**
 * Learns after how many bytes or how long something between here and the server ends each stream, from streams that
 * neither side has ended; so that new ones are opened in time. Whoever runs the agent is warned once.
 */
export class StreamLimits {
  readonly #clock: Clock;
  readonly #log: Log;
  #bound: Bound = { kind: "none" };
  #previous: StreamUse | undefined;
  #tryAtMs = 0;
  #told = "";
  #isTrial = false;
  /** Whether a heartbeat of the present stream was answered. */
  #isHeard = false;
  #silence = "";

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** One sentence for people; empty while no bound is known, and where the last sign of one is long ago. */
  get problem(): string {
    return this.#silence || (this.#isOld ? "" : this.#sentence);
  }

  get #isOld(): boolean {
    return this.#clock.monotonicMs() >= this.#tryAtMs;
  }

  get #sentence(): string {
    const bound = this.#bound;
    if (bound.kind === "none") return "";
    const about =
      bound.kind === "bytes"
        ? `${shownSize(bound.bytes)}: nginx calls this client_max_body_size, and 0 lifts it`
        : `${Math.round(bound.ms / 1000)} s: a time-out of a proxy`;
    return `something between here and the server ends each stream after about ${about}; the agent opens a new one in time`;
  }

  /** A heartbeat was answered. */
  heard(): void {
    this.#isHeard = true;
    this.#silence = "";
  }

  /** Why a stream ends whose heartbeats are not answered. That it was welcomed and heard of nothing else since is a problem of the way. */
  silence(unanswered: number): string {
    if (this.#isHeard) return `the server left ${unanswered} heartbeats unanswered`;
    this.#silence = `the server welcomed the agent and left ${unanswered} heartbeats unanswered: ${tooLargePackets}`;
    return this.#silence;
  }

  /** For a stream that is opened now. */
  budget(): StreamBudget {
    this.#isHeard = false;
    this.#isTrial = this.#bound.kind !== "none" && this.#isOld;
    const none = { bytes: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY };
    if (this.#isTrial) return none;
    switch (this.#bound.kind) {
      case "none":
        return none;
      case "bytes":
        return { ...none, bytes: Math.min(this.#bound.bytes * usedShare, this.#bound.bytes - marginBytes) };
      case "time":
        return { ...none, ms: this.#bound.ms * usedShare };
    }
  }

  /** A stream goes on beyond the bound: there is none any more. */
  goesOn({ arrivedBytes, livedMs }: Omit<StreamUse, "sentBytes">): void {
    if (!this.#isTrial) return;
    const isBeyond =
      (this.#bound.kind === "bytes" && arrivedBytes > this.#bound.bytes * 1.25) ||
      (this.#bound.kind === "time" && livedMs > this.#bound.ms * 1.25);
    if (!isBeyond) return;
    this.#bound = { kind: "none" };
    this.#isTrial = false;
    this.#told = "";
    this.#log.info("streams are not ended on the way any more");
  }

  /** A stream was ended by neither side. True if a bound explains it: then the next one keeps to it. */
  ended(use: StreamUse): boolean {
    const previous = this.#previous;
    this.#previous = use;
    const bound = this.#known(use) ?? usual(use) ?? (previous === undefined ? undefined : common(previous, use));
    if (bound === undefined) return false;
    this.#bound = bound;
    this.#tryAtMs = this.#clock.monotonicMs() + triedAgainMs;
    if (this.#sentence !== this.#told) this.#log.warn({ reason: this.#sentence }, "streams to the server are bounded");
    this.#told = this.#sentence;
    return true;
  }

  /** The bound that is known, or a lower one if this stream has not come as far. */
  #known(use: StreamUse): Bound | undefined {
    const bound = this.#bound;
    if (bound.kind === "time" && use.livedMs >= leastMs && use.livedMs <= bound.ms * (1 + likeness))
      return use.livedMs < bound.ms * (1 - likeness) ? undefined : bound;
    if (bound.kind !== "bytes" || use.sentBytes < bound.bytes / 2) return undefined;
    if (use.arrivedBytes > bound.bytes * (1 + likeness)) return undefined;
    return use.sentBytes >= bound.bytes ? bound : bytesBound(use.arrivedBytes);
  }
}

const bytesBound = (bytes: number): Bound => ({ kind: "bytes", bytes: Math.max(leastBytes, bytes) });

/** An end where the best known bound is. */
function usual({ sentBytes, arrivedBytes }: StreamUse): Bound | undefined {
  const isThere = sentBytes >= usualBytes * (1 - likeness) && arrivedBytes <= usualBytes * (1 + likeness);
  return isThere ? bytesBound(usualBytes) : undefined;
}

/** What bounds both streams: the most that has arrived, where the places can be one; else how long they have lived. */
function common(one: StreamUse, other: StreamUse): Bound | undefined {
  const most = Math.max(one.arrivedBytes, other.arrivedBytes);
  const least = Math.min(one.sentBytes, other.sentBytes);
  if (least >= leastBytes && most <= least * (1 + likeness)) return bytesBound(Math.min(most, least));
  const shorter = Math.min(one.livedMs, other.livedMs);
  const longer = Math.max(one.livedMs, other.livedMs);
  const isAlike = longer - shorter <= Math.max(1_000, shorter * likeness);
  return shorter >= leastMs && isAlike ? { kind: "time", ms: shorter } : undefined;
}
