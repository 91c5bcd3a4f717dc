import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../src/lib/clock.ts";
import type { Space } from "../../src/store/engine/engine.ts";
import { LogFile } from "../../src/store/logs/file.ts";
import { LogFileReader } from "../../src/store/logs/file-reader.ts";
import type { LogCommandAnswer, StreamCommand } from "../../src/store/logs/operations.ts";
import type {
  AppendResult,
  ListedStream,
  LogMove,
  LogRead,
  LogStore,
  LogStreamId,
  LogTimes,
  SealResult,
} from "../../src/store/ports/logs.ts";

/** The embedded log store's own file, without its threads: they would make the order of things a matter of chance. */
export class DirectLogStore implements LogStore {
  readonly #file: LogFile;
  readonly #reader: LogFileReader;
  readonly #clock: Clock;
  readonly #written = new Set<LogStreamId>();

  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    this.#file = new LogFile(path);
    this.#reader = new LogFileReader(path);
  }

  async append(stream: LogStreamId, offset: number, bytes: Uint8Array): Promise<AppendResult> {
    const answer = await this.#do({ kind: "append", stream, offset, bytes, atMs: this.#clock.now().getTime() });
    if (answer.kind === "append_result") return answer.result;
    throw new Error(`an append was answered ${answer.kind}`);
  }

  async nextOffset(stream: LogStreamId): Promise<number> {
    return (await this.read(stream, 0, 0)).length;
  }

  async seal(stream: LogStreamId, length: number, sha256: string): Promise<SealResult> {
    const answer = await this.#do({ kind: "seal", stream, length, sha256 });
    if (answer.kind === "seal_result") return answer.result;
    throw new Error(`a seal was answered ${answer.kind}`);
  }

  async sealWithGap(stream: LogStreamId, missingBytes: number | undefined): Promise<void> {
    await this.#do({ kind: "seal_with_gap", stream, missingBytes });
  }

  async reopen(stream: LogStreamId): Promise<void> {
    await this.#do({ kind: "reopen", stream });
  }

  async read(stream: LogStreamId, offset: number, maxBytes: number): Promise<LogRead> {
    await nextTurn();
    return this.readNow(stream, offset, maxBytes);
  }

  /** For whoever checks: what is stored at this moment. */
  readNow(stream: LogStreamId, offset: number, maxBytes: number): LogRead {
    return this.#reader.read({ kind: "read", stream, offset, maxBytes });
  }

  async times(stream: LogStreamId, from: number, to: number): Promise<LogTimes> {
    await nextTurn();
    return this.#reader.times({ kind: "times", stream, from, to }).told;
  }

  async list(after: LogStreamId | null, limit: number): Promise<readonly ListedStream[]> {
    return this.#reader.list({ kind: "list", after, limit }).streams;
  }

  async archive(stream: LogStreamId, move: LogMove): Promise<boolean> {
    const answer = await this.#do({ kind: "archive", stream, move });
    return answer.kind === "archived" && answer.isDone;
  }

  async empty(stream: LogStreamId): Promise<void> {
    await this.#do({ kind: "empty", stream });
  }

  async space(): Promise<Space> {
    return this.#reader.space().space;
  }

  async giveBack(): Promise<boolean> {
    return false;
  }

  async delete(stream: LogStreamId): Promise<void> {
    await this.#do({ kind: "delete", stream });
  }

  /** Forgets every stream, for the next schedule. */
  clear(): void {
    if (this.#written.size > 0) this.#file.commit([...this.#written].map((stream) => ({ kind: "delete", stream })));
    this.#written.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close();
    this.#file.close();
  }

  async #do(command: StreamCommand): Promise<LogCommandAnswer> {
    await nextTurn();
    this.#written.add(command.stream);
    const [answer] = this.#file.commit([command]);
    if (answer === undefined) throw new Error("the log file gave no answer");
    return answer;
  }
}
