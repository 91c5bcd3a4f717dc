import type { Clock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Space } from "../engine/engine.ts";
import {
  type AppendResult,
  type ListedStream,
  type LogMove,
  type LogRead,
  type LogStore,
  type LogStreamId,
  type LogTimes,
  maxAppendBytes,
  maxReadBytes,
  type SealResult,
} from "../ports/logs.ts";
import type { LogAnswer, LogOperation, LogQuery } from "./operations.ts";
import { ReadMemory } from "./read-memory.ts";
import { LogThread, type SpareLogThread } from "./thread-client.ts";

/**
 * Opens the embedded log store: its own SQLite file, written and read by a thread each, off the event loop. The one that
 * reads is started by the first read.
 */
export async function openSqliteLogStore(path: string, clock: Clock, spare?: SpareLogThread): Promise<LogStore> {
  return new SqliteLogStore(path, await LogThread.start({ path, role: "write" }, spare?.take()), clock);
}

/** For eight who read ahead. */
const lentBytes = 16 * 1024 * 1024;

class SqliteLogStore implements LogStore {
  readonly #path: string;
  readonly #writer: LogThread;
  readonly #clock: Clock;
  #reader: Promise<LogThread> | undefined;
  readonly #memory = new ReadMemory(maxReadBytes, lentBytes);
  #isClosed = false;

  constructor(path: string, writer: LogThread, clock: Clock) {
    this.#path = path;
    this.#writer = writer;
    this.#clock = clock;
  }

  async append(stream: LogStreamId, offset: number, bytes: Uint8Array): Promise<AppendResult> {
    refuseBadAppend(offset, bytes);
    const atMs = this.#clock.now().getTime();
    const answer = await this.#writer.call({ kind: "append", stream, offset, bytes, atMs });
    if (answer.kind === "append_result") return answer.result;
    throw unexpected(answer);
  }

  async nextOffset(stream: LogStreamId): Promise<number> {
    return (await this.read(stream, 0, 0)).length;
  }

  async seal(stream: LogStreamId, length: number, sha256: string): Promise<SealResult> {
    const answer = await this.#writer.call({ kind: "seal", stream, length, sha256 });
    if (answer.kind === "seal_result") return answer.result;
    throw unexpected(answer);
  }

  async sealWithGap(stream: LogStreamId, missingBytes: number | undefined): Promise<void> {
    await this.#writer.call({ kind: "seal_with_gap", stream, missingBytes });
  }

  async reopen(stream: LogStreamId): Promise<void> {
    await this.#writer.call({ kind: "reopen", stream });
  }

  async read(stream: LogStreamId, offset: number, wanted: number, giving?: "lent"): Promise<LogRead> {
    const maxBytes = Math.min(wanted, maxReadBytes);
    const query: LogQuery = { kind: "read", stream, offset, maxBytes };
    const loan = giving === "lent" ? this.#memory.take(maxBytes) : undefined;
    if (loan === undefined) return this.#bytesOf(query);
    try {
      const read = await this.#bytesOf({ ...query, memory: loan.memory });
      return { ...read, lent: loan.holding(read.bytes.buffer) };
    } catch (error) {
      loan[Symbol.dispose]();
      throw error;
    }
  }

  async times(stream: LogStreamId, from: number, to: number): Promise<LogTimes> {
    const answer = await this.#read({ kind: "times", stream, from, to });
    if (answer.kind === "told_times") return answer.told;
    throw unexpected(answer);
  }

  async list(after: LogStreamId | null, limit: number): Promise<readonly ListedStream[]> {
    const answer = await this.#read({ kind: "list", after, limit });
    if (answer.kind === "listed") return answer.streams;
    throw unexpected(answer);
  }

  async archive(stream: LogStreamId, move: LogMove): Promise<boolean> {
    const answer = await this.#writer.call({ kind: "archive", stream, move });
    if (answer.kind === "archived") return answer.isDone;
    throw unexpected(answer);
  }

  async empty(stream: LogStreamId): Promise<void> {
    await this.#writer.call({ kind: "empty", stream });
  }

  async space(): Promise<Space> {
    const answer = await this.#read({ kind: "space" });
    if (answer.kind === "told_space") return answer.space;
    throw unexpected(answer);
  }

  async giveBack(pages: number): Promise<boolean> {
    const answer = await this.#writer.call({ kind: "give_back", pages });
    if (answer.kind === "given_back") return answer.hasMore;
    throw unexpected(answer);
  }

  async delete(stream: LogStreamId): Promise<void> {
    await this.#writer.call({ kind: "delete", stream });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.[Symbol.asyncDispose]();
    await this.#writer[Symbol.asyncDispose]();
  }

  async #bytesOf(query: LogQuery): Promise<LogRead> {
    const answer = await this.#read(query);
    if (answer.kind === "read") return answer.read;
    throw unexpected(answer);
  }

  async #read(operation: LogOperation): Promise<LogAnswer> {
    if (this.#isClosed) throw new WindlassError("storage_unavailable", "the log store is closed");
    this.#reader ??= LogThread.start({ path: this.#path, role: "read" });
    const reader = await this.#reader.catch((error: unknown) => {
      // Another read starts another one.
      this.#reader = undefined;
      throw error;
    });
    return reader.call(operation);
  }
}

/** Throws `validation` for an append that no log store takes. */
export function refuseBadAppend(offset: number, bytes: Uint8Array): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new WindlassError("validation", `a log offset is a whole number from 0 on, not ${offset}`);
  }
  if (bytes.length > maxAppendBytes) {
    throw new WindlassError(
      "validation",
      `${bytes.length} bytes of log in one chunk: at most ${maxAppendBytes} are taken`,
    );
  }
}

const unexpected = (answer: LogAnswer) =>
  new WindlassError("internal", `the log store gave an unexpected answer: ${answer.kind}`);
