import { linkSignals } from "../async/abort.ts";
import type { TransferLane, TransferPace } from "./transfer-pace.ts";

/** A stretch of an object. */
export interface Stretch {
  readonly offset: number;
  readonly bytes: number;
}

export interface PieceMoves<T> {
  readonly pace: TransferPace;
  readonly from: number;
  readonly to: number;
  /** Moves one stretch; others may be on their way. */
  readonly move: (stretch: Stretch, signal: AbortSignal) => Promise<T>;
  /** Takes what came of a stretch, in the order of the stretches; what it throws ends all. */
  readonly take: (result: T, stretch: Stretch) => Promise<void>;
}

interface Moving<T> {
  readonly stretch: Stretch;
  readonly result: Promise<T>;
}

/**
 * Moves everything between two offsets, as many pieces at once as the pace allows, and takes them in order. The first
 * failure ends all.
 */
export async function inOrder<T>({ pace, from, to, move, take }: PieceMoves<T>, signal: AbortSignal): Promise<void> {
  using over = linkSignals(signal);
  const moving: Moving<T>[] = [];
  let next = from;
  try {
    while (next < to || moving.length > 0) {
      // The first one waits for its place; those behind it are begun only where one is free.
      while (next < to && (moving.length === 0 || pace.hasRoom)) {
        const lane = await pace.lane(over.signal);
        const stretch = { offset: next, bytes: Math.min(lane.bytes, to - next) };
        next += stretch.bytes;
        const result = moved(lane, stretch, () => move(stretch, over.signal));
        result.catch(() => {});
        moving.push({ stretch, result });
      }
      const head = moving.shift();
      if (head !== undefined) await take(await head.result, head.stretch);
    }
  } catch (error) {
    over.abort(error);
    await Promise.allSettled(moving.map(({ result }) => result));
    throw error;
  }
}

async function moved<T>(lane: TransferLane, { bytes }: Stretch, move: () => Promise<T>): Promise<T> {
  using place = lane;
  const result = await move();
  place.arrived(bytes);
  return result;
}
