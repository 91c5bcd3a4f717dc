import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { firstMessage } from "../../lib/async/threads.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { BatchMemory } from "./batch-memory.ts";
import type { LogAnswer, LogOperation, LogThreadOptions, LogThreadReply, LogThreadRequest } from "./operations.ts";

interface Call {
  readonly operation: LogOperation;
  resolve(answer: LogAnswer): void;
  reject(error: WindlassError): void;
}

/** Calls that the thread does as one, in memory that is free again with its answer. */
interface Batch {
  readonly calls: readonly Call[];
  readonly free: () => void;
}

/** While one batch is committed the next waits at the thread's door, and the ones after gather here. */
const maxBatchesUnderWay = 2;
/** What comes behind so many bytes waits for the next batch: one that is longer is answered later. */
const maxBatchBytes = 4 * 1024 * 1024;
const maxBatchSize = 2_000;

const newThread = (): Worker => new Worker(new URL("./thread.ts", import.meta.url));

/**
 * A thread that loads its code before it is known whether its file may be opened: to start one takes about as long as to load the rest of a
 * server. Disposing it ends a thread that nobody took.
 */
export class SpareLogThread implements AsyncDisposable {
  #thread: Worker | undefined = newThread();

  constructor() {
    // Whoever opens the store starts another one, and hears what is wrong with that.
    this.#thread?.once("error", () => this.take());
  }

  /** The thread, for the first who asks. */
  take(): Worker | undefined {
    const thread = this.#thread;
    this.#thread = undefined;
    return thread;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.take()?.terminate();
  }
}

/** A thread of the embedded log store: calls made meanwhile travel as one batch, which the thread does as one. */
export class LogThread implements AsyncDisposable {
  readonly #thread: Worker;
  readonly #waiting: Call[] = [];
  readonly #underWay: Batch[] = [];
  readonly #memory = new BatchMemory();
  readonly #ended: Promise<unknown>;
  #isFlushDue = false;
  #refusal: WindlassError | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  /** Starts a thread, unless one was; rejects when it cannot open its file. */
  static async start(options: LogThreadOptions, thread = newThread()): Promise<LogThread> {
    thread.postMessage({ kind: "open", options } satisfies LogThreadRequest);
    const reply = await firstMessage<LogThreadReply>(thread);
    if (reply.kind === "ready") return new LogThread(thread);
    await thread.terminate();
    throw unavailable(reply.kind === "failed" ? reply : { code: "", message: "the log store's thread did not start" });
  }

  private constructor(thread: Worker) {
    this.#thread = thread;
    this.#ended = once(thread, "exit").catch(() => undefined);
    thread.on("message", (reply: LogThreadReply) => this.#settle(reply));
    thread.on("error", (cause) =>
      this.#refuse(new WindlassError("storage_unavailable", "the log store broke", { cause })),
    );
    thread.on("exit", () => this.#refuse(closed()));
  }

  async call(operation: LogOperation): Promise<LogAnswer> {
    if (this.#refusal !== undefined) throw this.#refusal;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      this.#flushSoon();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#waiting.length + this.#underWay.length > 0) {
      this.#idle ??= Promise.withResolvers();
      await this.#idle.promise;
    }
    this.#refusal ??= closed();
    this.#send({ kind: "close" });
    await this.#ended;
  }

  /** At the end of this turn of the loop, so that what the other sockets bring joins the batch. */
  #flushSoon(): void {
    if (this.#isFlushDue || this.#underWay.length >= maxBatchesUnderWay) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#underWay.length >= maxBatchesUnderWay || this.#refusal !== undefined)
      return;
    const calls = this.#waiting.splice(0, this.#batchSize());
    const { operations, free } = this.#memory.pack(calls.map(({ operation }) => operation));
    this.#underWay.push({ calls, free });
    this.#thread.postMessage({ kind: "batch", operations } satisfies LogThreadRequest, operations.flatMap(memoryOf));
    this.#flushSoon();
  }

  #batchSize(): number {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ operation }, index) => {
      bytes += operation.kind === "append" ? operation.bytes.length : 0;
      return index === maxBatchSize || (index > 0 && bytes > maxBatchBytes);
    });
    return end === -1 ? this.#waiting.length : end;
  }

  #send(request: LogThreadRequest): void {
    this.#thread.postMessage(request);
  }

  #settle(reply: LogThreadReply): void {
    const batch = this.#underWay.shift();
    batch?.free();
    batch?.calls.forEach(({ resolve, reject }, index) => {
      const answer = reply.kind === "answers" ? reply.answers[index] : undefined;
      if (answer !== undefined) resolve(answer);
      else reject(unavailable(reply.kind === "failed" ? reply : { code: "", message: "no answer" }));
    });
    this.#flush();
    if (this.#waiting.length + this.#underWay.length === 0) this.#idle?.resolve();
  }

  #refuse(error: WindlassError): void {
    this.#refusal ??= error;
    const underWay = this.#underWay.splice(0).flatMap(({ calls }) => calls);
    for (const { reject } of [...underWay, ...this.#waiting.splice(0)]) reject(this.#refusal);
    this.#idle?.resolve();
  }
}

/** Memory that goes to the thread, and comes back with the answer. */
const memoryOf = (operation: LogOperation): ArrayBuffer[] =>
  operation.kind === "read" && operation.memory !== undefined ? [operation.memory] : [];

const closed = () => new WindlassError("storage_unavailable", "the log store is closed");

function unavailable({ code, message }: { readonly code: string; readonly message: string }): WindlassError {
  const what = code === "SQLITE_FULL" ? "the disk of the log store is full" : "the log store cannot store or read";
  return new WindlassError("storage_unavailable", `${what}: ${message}`, { retryAfterMs: 1_000 });
}
