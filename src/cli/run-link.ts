import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { type BackoffPolicy, backoffMs } from "../lib/backoff.ts";
import type { Context } from "./context.ts";

const policy: BackoffPolicy = { firstMs: 500, capMs: 10_000 };
const leastMs = 100;

/** The connection behind streams, of one run unless said otherwise: says once that it is lost, and once that it is back. */
export class RunLink {
  readonly #context: Context;
  readonly #lost: string;
  #isLost = false;

  /** `meanwhile` says what is not lost with it. */
  constructor(context: Context, meanwhile = "the run goes on") {
    this.#context = context;
    this.#lost = ["the connection to the server is lost", meanwhile, "connecting again"].filter(Boolean).join("; ");
  }

  /** Something came from the server. */
  back(): void {
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#context.notes.progress("connected again");
  }

  lost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#context.notes.progress(this.#lost);
  }

  /**
   * Makes attempts until one answers `done`, waiting longer after each failure in a row. An error that the server decided
   * ends it; a broken connection, or a server that is going or coming, does not. An attempt calls `back` when it hears something.
   */
  async persist(attempt: () => Promise<"done" | "again">, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context.io;
    for (let failures = 0; ; failures++) {
      const startMs = clock.monotonicMs();
      try {
        if ((await attempt()) === "done") return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isWorthRetrying(error)) throw error;
        this.lost();
      }
      if (clock.monotonicMs() - startMs > policy.capMs) failures = 0;
      await clock.sleep(leastMs + backoffMs(policy, failures, random), signal);
    }
  }
}

/** Reasons of a server that decided, but may decide otherwise in a moment. */
const passing = new Set(["SERVER_DRAINING", "STORAGE_UNAVAILABLE"]);

/**
 * What a proxy or a stranger's server answers for good. Every error that our server decides carries a reason, so all
 * other codes without one come from the path: Connect reports a stream that was cut as INVALID_ARGUMENT, for one.
 */
const final = new Set<Code>([Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.Unimplemented]);

/** True if calling again may help without anybody doing something. */
export function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "windlass");
  return info === undefined ? !final.has(error.code) : passing.has(info.reason);
}
