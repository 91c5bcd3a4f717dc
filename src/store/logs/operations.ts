import type { Space } from "../engine/engine.ts";
import type { AppendResult, ListedStream, LogMove, LogRead, LogStreamId, LogTimes, SealResult } from "../ports/logs.ts";

/** What the port asks of the thread that writes. Plain values: they cross between threads. */
export type LogCommand =
  | {
      readonly kind: "append";
      readonly stream: LogStreamId;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly atMs: number;
    }
  | { readonly kind: "seal"; readonly stream: LogStreamId; readonly length: number; readonly sha256: string }
  | { readonly kind: "seal_with_gap"; readonly stream: LogStreamId; readonly missingBytes: number | undefined }
  | { readonly kind: "reopen"; readonly stream: LogStreamId }
  | { readonly kind: "archive"; readonly stream: LogStreamId; readonly move: LogMove }
  | { readonly kind: "empty"; readonly stream: LogStreamId }
  | { readonly kind: "delete"; readonly stream: LogStreamId }
  | { readonly kind: "give_back"; readonly pages: number };

/** A command to one stream. */
export type StreamCommand = Extract<LogCommand, { readonly stream: LogStreamId }>;

export type LogCommandAnswer =
  | { readonly kind: "append_result"; readonly result: AppendResult }
  | { readonly kind: "seal_result"; readonly result: SealResult }
  | { readonly kind: "archived"; readonly isDone: boolean }
  | { readonly kind: "done" }
  | { readonly kind: "given_back"; readonly hasMore: boolean };

/** What the port asks of the thread that reads. */
export interface LogQuery {
  readonly kind: "read";
  readonly stream: LogStreamId;
  readonly offset: number;
  readonly maxBytes: number;
  /** Where the bytes are to lie, with room for all that may be read; absent: in new memory. */
  readonly memory?: ArrayBuffer | undefined;
}

export interface ReadAnswer {
  readonly kind: "read";
  readonly read: LogRead;
}

/** The same, for the times of bytes. */
export interface LogTimesQuery {
  readonly kind: "times";
  readonly stream: LogStreamId;
  readonly from: number;
  readonly to: number;
}

export interface ToldTimes {
  readonly kind: "told_times";
  readonly told: LogTimes;
}

/** The same, for the names of streams. */
export interface LogListing {
  readonly kind: "list";
  readonly after: LogStreamId | null;
  readonly limit: number;
}

export interface ListedStreams {
  readonly kind: "listed";
  readonly streams: readonly ListedStream[];
}

/** The same, for the place that the file takes. */
export interface LogSpace {
  readonly kind: "space";
}

export interface ToldSpace {
  readonly kind: "told_space";
  readonly space: Space;
}

export type LogOperation = LogCommand | LogQuery | LogTimesQuery | LogListing | LogSpace;
export type LogAnswer = LogCommandAnswer | ReadAnswer | ToldTimes | ListedStreams | ToldSpace;

/** What a thread is started with. */
export interface LogThreadOptions {
  readonly path: string;
  readonly role: "write" | "read";
}

/** To a thread: which file is its own, which comes first; a batch, done as one; or the wish that it close its file and end. */
export type LogThreadRequest =
  | { readonly kind: "open"; readonly options: LogThreadOptions }
  | { readonly kind: "batch"; readonly operations: readonly LogOperation[] }
  | { readonly kind: "close" };

/** From a thread: one answer per batch, in order, after `ready`. */
export type LogThreadReply =
  | { readonly kind: "ready" }
  | { readonly kind: "answers"; readonly answers: readonly LogAnswer[] }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
