import type { JobClaim } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ClaimKey } from "../contract/claim.ts";
import type { LogSource } from "../contract/session-host.ts";

/** Largest chunk of a log, by protocol. */
export const maxChunkBytes = 64 * 1024;
/** After a refused chunk the sender waits, longer each time nothing was accepted since. */
const firstPauseMs = 20;
const maxPauseMs = 5_000;
/** Looks without any progress until a log is sent again: twice as many each time, for a slow server has it and is busy. */
const firstLooks = 2;
const maxLooks = 64;

export interface LogChunkToSend {
  readonly claim: JobClaim;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface LogSenderOptions {
  readonly clock: Clock;
  /** Most bytes on their way over all logs, until an acknowledgement tells another number. */
  readonly windowBytes: number;
  readonly sources: () => readonly LogSource[];
  /** Resolves when there is room for one chunk. */
  readonly room: (signal: AbortSignal) => Promise<void>;
  readonly send: (chunk: LogChunkToSend) => void;
  /** How far a log is on its way; less than before when it is sent again. */
  readonly onSent: (key: ClaimKey, offset: number) => void;
  /** How far the server has a log; `closed` when it takes no more of it. */
  readonly onAcknowledged: (key: ClaimKey, offset: number, closed: boolean) => void;
}

interface Position {
  sent: number;
  acknowledged: number;
  isClosed: boolean;
  isPaused: boolean;
  pauseMs: number;
  seenAcknowledged: number;
  checksWithoutProgress: number;
  /** After how many of them it is sent again. */
  patience: number;
}

export interface Acknowledgement {
  readonly nextOffset: number;
  readonly rewind: boolean;
  readonly closed: boolean;
  /** Most bytes on their way over all logs from now on; 0: as before. */
  readonly windowBytes?: number | undefined;
}

/**
 * Sends the logs of all jobs over one stream: from the offset that the server names, in turn, at most a window of
 * unacknowledged bytes. A small chunk waits for the one before it to be acknowledged, so that many little writes travel
 * together.
 */
export class LogSender {
  readonly #options: LogSenderOptions;
  readonly #positions = new Map<ClaimKey, Position>();
  #windowBytes: number;
  #turn = 0;
  #news = Promise.withResolvers<void>();
  #signal: AbortSignal | undefined;

  constructor(options: LogSenderOptions) {
    this.#options = options;
    this.#windowBytes = options.windowBytes;
  }

  /** Starts, or starts again, at the first byte that the server does not have. */
  resume(key: ClaimKey, nextOffset: number): void {
    const position = this.#position(key);
    position.sent = nextOffset;
    position.acknowledged = nextOffset;
    this.#options.onSent(key, nextOffset);
    this.wake();
  }

  acknowledge(key: ClaimKey, { nextOffset, rewind, closed, windowBytes = 0 }: Acknowledgement): void {
    if (windowBytes > 0) this.#windowBytes = windowBytes;
    const position = this.#position(key);
    if (nextOffset > position.acknowledged) position.pauseMs = 0;
    if (rewind) this.#rewind(position, nextOffset);
    else position.acknowledged = Math.max(position.acknowledged, Math.min(nextOffset, position.sent));
    position.isClosed ||= closed;
    if (position.isClosed) position.sent = position.acknowledged;
    if (rewind) this.#options.onSent(key, position.sent);
    this.#options.onAcknowledged(key, position.acknowledged, position.isClosed);
    this.wake();
  }

  /**
   * Called now and then: logs that are gone are forgotten, and a log of which nothing was acknowledged since the last
   * two calls is sent again; if it still does not move, after four more, eight more, and so on.
   */
  checkProgress(): void {
    const keys = new Set(this.#options.sources().map(({ key }) => key));
    for (const [key, position] of this.#positions) {
      if (!keys.has(key)) this.#positions.delete(key);
      if (this.#isStuck(position)) this.#options.onSent(key, position.sent);
    }
    this.wake();
  }

  /** True for a log that is sent again. */
  #isStuck(position: Position): boolean {
    const { sent, acknowledged, seenAcknowledged } = position;
    const hasMoved = acknowledged !== seenAcknowledged;
    position.seenAcknowledged = acknowledged;
    if (hasMoved) position.patience = firstLooks;
    position.checksWithoutProgress = hasMoved || sent <= acknowledged ? 0 : position.checksWithoutProgress + 1;
    if (position.checksWithoutProgress < position.patience) return false;
    position.checksWithoutProgress = 0;
    position.patience = Math.min(maxLooks, position.patience * 2);
    position.sent = acknowledged;
    return true;
  }

  /** Says that a log has grown, or that there is another one. */
  wake(): void {
    this.#news.resolve();
  }

  /** Resolves once nothing is under way; what is sent later is not waited for. */
  async settled(): Promise<void> {
    while (this.unacknowledgedBytes > 0) {
      await this.#news.promise;
      this.#news = Promise.withResolvers();
    }
  }

  get unacknowledgedBytes(): number {
    return [...this.#positions.values()].reduce((sum, { sent, acknowledged }) => sum + sent - acknowledged, 0);
  }

  /** Resolves when aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (!signal.aborted) {
      this.#news = Promise.withResolvers();
      if (await this.#sendNext(signal)) continue;
      await Promise.race([this.#news.promise, stopped]);
    }
  }

  async #sendNext(signal: AbortSignal): Promise<boolean> {
    const sources = this.#options.sources();
    for (let index = 0; index < sources.length; index++) {
      const source = sources[(this.#turn + index) % sources.length];
      const length = source === undefined ? 0 : this.#nextLength(source);
      if (source === undefined || length === 0) continue;
      this.#turn += index + 1;
      if (!(await this.#hasRoom(signal))) return false;
      return this.#send(source, length);
    }
    return false;
  }

  async #hasRoom(signal: AbortSignal): Promise<boolean> {
    await this.#options.room(signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    return !signal.aborted;
  }

  async #send(source: LogSource, length: number): Promise<boolean> {
    const position = this.#position(source.key);
    const offset = position.sent;
    const bytes = await source.read(offset, length).catch(() => undefined);
    // A rewind may have come in the meantime; a log that cannot be read is looked at again later.
    if (position.sent !== offset || position.isPaused) return true;
    if (bytes === undefined || bytes.length === 0) {
      this.#pause(position, maxPauseMs);
      return true;
    }
    position.sent = offset + bytes.length;
    this.#options.send({ claim: source.claim, offset, bytes });
    this.#options.onSent(source.key, position.sent);
    return true;
  }

  #nextLength(source: LogSource): number {
    const position = this.#position(source.key);
    if (position.isClosed || position.isPaused) return 0;
    const length = Math.min(maxChunkBytes, source.end - position.sent);
    if (length <= 0) return 0;
    const underway = position.sent - position.acknowledged;
    if (length < maxChunkBytes && underway > 0 && !source.isComplete) return 0;
    const room = this.#windowBytes - this.unacknowledgedBytes;
    if (length <= room) return length;
    return this.unacknowledgedBytes === 0 ? Math.max(1, Math.min(length, room)) : 0;
  }

  #rewind(position: Position, nextOffset: number): void {
    position.sent = nextOffset;
    position.acknowledged = nextOffset;
    if (position.isPaused) return;
    position.pauseMs = Math.min(maxPauseMs, Math.max(firstPauseMs, position.pauseMs * 2));
    this.#pause(position, position.pauseMs);
  }

  #pause(position: Position, ms: number): void {
    position.isPaused = true;
    const resumeSending = () => {
      position.isPaused = false;
      this.wake();
    };
    this.#options.clock.sleep(ms, this.#signal).then(resumeSending, () => {});
  }

  #position(key: ClaimKey): Position {
    const found = this.#positions.get(key);
    if (found !== undefined) return found;
    const made = newPosition();
    this.#positions.set(key, made);
    return made;
  }
}

const newPosition = (): Position => ({
  sent: 0,
  acknowledged: 0,
  isClosed: false,
  isPaused: false,
  pauseMs: 0,
  seenAcknowledged: 0,
  checksWithoutProgress: 0,
  patience: firstLooks,
});
