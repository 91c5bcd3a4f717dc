import { Worker } from "node:worker_threads";
import { messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { ThreadReply, ThreadRequest } from "./thread-messages.ts";

/** What the thread may have for texts and values; what is parsed is bounded to stay far below. */
const resourceLimits = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 64 };

/** A thread that parses documents, one question at a time. It does not keep the process alive. */
export class DocumentThread {
  readonly #worker = new Worker(new URL("./thread.ts", import.meta.url), { resourceLimits });

  constructor() {
    // Whoever asks hears of it.
    this.#worker.on("error", () => {});
    this.#worker.unref();
  }

  /** Asks, and waits. Whatever goes wrong with the thread itself is `storage_unavailable`: it cannot be asked again. */
  async ask(request: ThreadRequest, signal: AbortSignal): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<ThreadReply>();
    const onExit = () => reject(broken("it ended"));
    const onError = (error: unknown) => reject(broken(messageOf(error)));
    const onAbort = () => reject(broken("it took too long"));
    this.#worker.ref();
    this.#worker.once("message", resolve).once("error", onError).once("exit", onExit);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#worker.postMessage(request);
      return answerIn(await promise);
    } finally {
      this.#worker.off("message", resolve).off("error", onError).off("exit", onExit).unref();
      signal.removeEventListener("abort", onAbort);
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The thread cannot be asked again after this. */
export class BrokenThread extends WindlassError {}

const broken = (why: string) =>
  new BrokenThread("storage_unavailable", `a document could not be read: ${why}`, { retryAfterMs: 5_000 });

function answerIn(reply: ThreadReply): unknown {
  switch (reply.kind) {
    case "answer":
      return reply.answer;
    case "refused":
      throw new WindlassError(reply.code, reply.message, { metadata: reply.metadata, fields: reply.fields });
    case "failed":
      throw new Error(reply.message);
  }
}
