import { createHash, type Hash } from "node:crypto";
import type { AppendResult, LogStreamId } from "../ports/logs.ts";
import { isNewTime, type StoredTime } from "./times.ts";

/** One append that waits to be stored. */
export interface Append {
  readonly stream: LogStreamId;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** What this process knows of a stream; another replica may know better. */
export interface KnownStream {
  readonly length: number;
  readonly isOpen: boolean;
  /** Of the first `length` bytes, if this process saw all of them. */
  readonly hash: Hash | undefined;
  /** The last time that is remembered. */
  readonly timeMs: number | undefined;
}

/** What a batch does to one stream, if its length still is `was`. */
export interface StreamGrowth {
  readonly stream: LogStreamId;
  readonly was: number;
  readonly becomes: number;
  readonly pieces: readonly Uint8Array[];
  /** To be remembered. */
  readonly times: readonly StoredTime[];
  /** Of the appends to this stream, in their order. */
  readonly results: readonly AppendResult[];
}

/** Decides what appends to one stream do, in their order. */
export function growthOf(stream: LogStreamId, known: KnownStream, appends: readonly Append[]): StreamGrowth {
  const pieces: Uint8Array[] = [];
  const times: StoredTime[] = [];
  let length = known.length;
  const results = appends.map(({ offset, bytes, atMs }): AppendResult => {
    if (!known.isOpen) return { kind: "sealed", nextOffset: length };
    if (offset > length) return { kind: "gap", nextOffset: length };
    const fresh = bytes.subarray(Math.min(length - offset, bytes.length));
    if (fresh.length > 0) {
      pieces.push(fresh);
      if (isNewTime(times.at(-1)?.atMs ?? known.timeMs, atMs)) times.push({ start: length, atMs });
    }
    length += fresh.length;
    return { kind: "appended", nextOffset: length, addedBytes: fresh.length };
  });
  return { stream, was: known.length, becomes: length, pieces, times, results };
}

/** The stream after its growth has been stored. */
export function grown(known: KnownStream, { becomes, pieces, times }: StreamGrowth): KnownStream {
  const hash = known.length === 0 ? createHash("sha256") : known.hash;
  for (const piece of pieces) hash?.update(piece);
  return { ...known, length: becomes, hash, timeMs: times.at(-1)?.atMs ?? known.timeMs };
}
