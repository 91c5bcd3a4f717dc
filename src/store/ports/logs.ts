import type { Spacious } from "../engine/engine.ts";

/** Names one append-only stream: `<job id>/<epoch>`. */
export type LogStreamId = string;

/** The most bytes one append may carry. */
export const maxAppendBytes = 64 * 1024;

/** The most bytes one read gives. */
export const maxReadBytes = 1024 * 1024;

/** A stream remembers the time of an append if it has remembered none for so long. */
export const timeEveryMs = 1_000;

/** The most times one look gives. */
export const maxReadTimes = 1_000;

export type AppendResult =
  /**
   * Durable. Bytes below the old end were skipped unread: repeating an append changes nothing. `addedBytes` is how many
   * were new.
   */
  | { readonly kind: "appended"; readonly nextOffset: number; readonly addedBytes: number }
  /** The offset lies beyond the end: nothing was stored. */
  | { readonly kind: "gap"; readonly nextOffset: number }
  /** The stream has been sealed, or ended with a gap: nothing was stored. */
  | { readonly kind: "sealed"; readonly nextOffset: number };

export type SealResult =
  | { readonly kind: "sealed" }
  /** Bytes from `nextOffset` on are missing. */
  | { readonly kind: "incomplete"; readonly nextOffset: number }
  /** More bytes are stored than `length`, or their hash differs. */
  | { readonly kind: "mismatch"; readonly nextOffset: number };

/** How a stream ends, as far as is known. `missingBytes` is undefined when nobody knows how much is missing. */
export type LogEnd =
  | { readonly kind: "open" }
  | { readonly kind: "sealed" }
  | { readonly kind: "gap"; readonly missingBytes: number | undefined };

export interface LogRead {
  readonly bytes: Uint8Array;
  /** Where to read on: the given offset plus the length of `bytes`. */
  readonly nextOffset: number;
  /** The end that follows the last stored byte; more may be stored than was read. */
  readonly end: LogEnd;
  /** How many bytes the stream has. */
  readonly length: number;
  /** Key of the object in which its bytes lie; absent: in the store, which else gives none of them. */
  readonly archive?: string | undefined;
  /** The memory in which `bytes` lie, if it is lent. */
  readonly lent?: LentMemory | undefined;
}

/** Memory that a read has for a while. To be disposed; only what was given back before is used again. */
export interface LentMemory extends Disposable {
  /** Nobody looks at the bytes any more, nor sends them: another read may overwrite them. */
  giveBack(): void;
}

/** From which byte of a stream on bytes came at which time. */
export interface LogTime {
  readonly offset: number;
  readonly at: Date;
}

export interface LogTimes {
  /** In the order of the stream. */
  readonly times: readonly LogTime[];
  /** `times` has all of them before this offset: where the range ends, or the first time that was too many stands. */
  readonly upTo: number;
}

/** A stream as a listing tells it. */
export interface ListedStream {
  readonly name: LogStreamId;
  readonly length: number;
  readonly end: LogEnd["kind"];
  /** In hex, of one that is sealed. */
  readonly sha256: string | null;
  /** Key of the object in which its bytes lie; null: in the store. */
  readonly archive: string | null;
}

/** Where the bytes of a sealed stream lie from now on. */
export interface LogMove {
  readonly key: string;
  /** Where they lay before; null: in the store. */
  readonly was: string | null;
  /** What the stream was sealed with. */
  readonly sha256: string;
}

/** Append-only byte streams. Everything that resolved is durable; what rejects stored nothing that was acknowledged. */
export interface LogStore extends AsyncDisposable, Spacious {
  /** Stores bytes (≤ `maxAppendBytes`) at an offset. Appends to one stream are done in the order of the calls. */
  append(stream: LogStreamId, offset: number, bytes: Uint8Array): Promise<AppendResult>;
  /** The length so far: 0 for an unknown stream. */
  nextOffset(stream: LogStreamId): Promise<number>;
  /** Ends the stream for good, if it has exactly `length` bytes with this SHA-256 (hex). Sealing again answers the same. */
  seal(stream: LogStreamId, length: number, sha256: string): Promise<SealResult>;
  /** Ends the stream although bytes are missing, and remembers how many. A sealed stream stays sealed. */
  sealWithGap(stream: LogStreamId, missingBytes: number | undefined): Promise<void>;
  /** Late evidence: undoes `sealWithGap`, so that appends are taken again. A sealed stream stays sealed. */
  reopen(stream: LogStreamId): Promise<void>;
  /**
   * Bytes from `offset` on: at most `maxBytes` (bounded by `maxReadBytes`), none beyond the end. `lent` ones may lie in memory that
   * is used again.
   */
  read(stream: LogStreamId, offset: number, maxBytes: number, giving?: "lent"): Promise<LogRead>;
  /**
   * When bytes came, for those from `from` to `to`: the last time at or before `from`, and the times behind it, at most
   * one a second. What an older program stored has none.
   */
  times(stream: LogStreamId, from: number, to: number): Promise<LogTimes>;
  /** Streams in the order of their names, from the one after `after` on (null: from the first), at most `limit`. */
  list(after: LogStreamId | null, limit: number): Promise<readonly ListedStream[]>;
  /**
   * The bytes of a sealed stream lie in an object from now on: names it and forgets them, both or neither. Times stay.
   * False if they lie elsewhere than `was` says, or the stream is not sealed with that hash.
   */
  archive(stream: LogStreamId, move: LogMove): Promise<boolean>;
  /** Forgets the bytes of a stream that has ended, and ends it with a gap of their whole length: both, or neither. */
  empty(stream: LogStreamId): Promise<void>;
  /** Forgets the stream and its bytes. */
  delete(stream: LogStreamId): Promise<void>;
}
