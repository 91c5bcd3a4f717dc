import { deadlineAfter } from "../../lib/async/abort.ts";
import { Budget } from "../../lib/async/budget.ts";
import type { Clock } from "../../lib/clock.ts";
import { AnswerCache } from "./answer-cache.ts";
import { answerTo } from "./answers.ts";
import type { Answer, Question } from "./questions.ts";
import { BrokenThread, DocumentThread } from "./thread-client.ts";

/** Where the documents of a question come from. */
export interface Sources {
  /** Whose turn it is: the id of an organization. */
  readonly of: string;
  /** Names what is stored and cannot change: its answers are remembered. Absent for what is new. */
  readonly key?: string | undefined;
  /** Called when it is its turn, so that one question's documents are in memory at a time. */
  readonly load: () => Promise<readonly Uint8Array[]>;
}

/** Smaller documents are parsed in place: that takes a few milliseconds at most. */
const smallBytes = 64 * 1024;
/** How long the thread may take for one question. */
const answerMs = 60_000;
/** How long a thread that nobody asks keeps its memory. */
const restMs = 30_000;

/**
 * Answers questions about documents: one at a time, organizations in turn, in a thread that ends when nobody asks. The
 * answers about documents that cannot change are remembered for a while.
 */
export class Documents implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #turns: Budget;
  readonly #cache = new AnswerCache();
  #thread: DocumentThread | undefined;
  #asked = 0;
  readonly #closing = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
    const what = "documents to read";
    const refusal = "storage_unavailable";
    this.#turns = new Budget({ what, total: 1, perKey: 1, waitMs: 60_000, maxWaiting: 50, refusal, clock });
  }

  /** Answers, or throws what the document is refused for. */
  async ask<Q extends Question>(question: Q, sources: Sources): Promise<Answer<Q>> {
    const fresh = () => this.#answer(question, sources);
    const { key } = sources;
    return key === undefined ? fresh() : this.#cache.get(JSON.stringify([key, question]), fresh);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#thread?.end();
  }

  async #answer<Q extends Question>(question: Q, { of, load }: Sources): Promise<Answer<Q>> {
    using _turn = await this.#turns.take(of, 1, this.#closing.signal);
    const documents = await load();
    const bytes = documents.reduce((sum, { length }) => sum + length, 0);
    return bytes <= smallBytes ? answerTo(question, documents) : this.#answerInThread(question, documents);
  }

  async #answerInThread<Q extends Question>(question: Q, documents: readonly Uint8Array[]): Promise<Answer<Q>> {
    this.#thread ??= new DocumentThread();
    const thread = this.#thread;
    using deadline = deadlineAfter(this.#clock, answerMs, this.#closing.signal);
    try {
      return (await thread.ask({ question, documents: documents.map(shared) }, deadline.signal)) as Answer<Q>;
    } catch (error) {
      if (error instanceof BrokenThread) await this.#drop();
      throw error;
    } finally {
      void this.#endAtRest(++this.#asked);
    }
  }

  async #drop(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }

  async #endAtRest(asked: number): Promise<void> {
    await this.#clock.sleep(restMs, this.#closing.signal).catch(() => {});
    if (asked === this.#asked) await this.#drop();
  }
}

/** The bytes in memory that threads share; nothing is copied if they are there already. */
function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
