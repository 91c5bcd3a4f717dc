import { Code, ConnectError } from "@connectrpc/connect";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { ownReason } from "../../lib/way/own-answer.ts";
import { wayFaultOf } from "../../lib/way/way-error.ts";
import { foreignAnswer } from "../problems/network-problem.ts";
import type { Context } from "../server/context.ts";

const policy: BackoffPolicy = { firstMs: 500, capMs: 10_000 };
const leastMs = 100;
/** How often it is said that the connection is still lost. */
const stillMs = 120_000;

/**
 * The connection behind streams, of one run unless said otherwise: says once that it is lost, now and then why it still
 * is, and once that it is back.
 */
export class RunLink {
  readonly #context: Context;
  readonly #lost: string;
  /** Since when the connection is lost, and when that was said last. */
  #outage: { readonly sinceMs: number; readonly saidMs: number } | undefined;

  /** `meanwhile` says what is not lost with it. */
  constructor(context: Context, meanwhile = "the run goes on") {
    this.#context = context;
    this.#lost = ["the connection to the server is lost", meanwhile, "connecting again"].filter(Boolean).join("; ");
  }

  /** Something came from the server. */
  back(): void {
    if (this.#outage === undefined) return;
    this.#outage = undefined;
    this.#context.notes.progress("connected again");
  }

  /** A connection broke, or could not be had again, because of this. */
  lost(error: unknown): void {
    const { notes, io } = this.#context;
    const nowMs = io.clock.monotonicMs();
    if (this.#outage === undefined) {
      this.#outage = { sinceMs: nowMs, saidMs: nowMs };
      notes.progress(this.#lost);
    } else if (nowMs - this.#outage.saidMs >= stillMs) {
      this.#outage = { ...this.#outage, saidMs: nowMs };
      const minutes = Math.floor((nowMs - this.#outage.sinceMs) / 60_000);
      notes.progress(`still connecting again, ${minutes} min: ${reasonOf(error)}`);
    }
  }

  /**
   * Makes attempts until one answers `done`, waiting longer after each failure in a row. An error that the server
   * decided ends it; a broken connection, or a server that is going or coming, does not. An attempt calls `heard` when
   * it hears something: from then on the server is known to have the call and to allow it, and whatever else denies
   * that is on the way.
   */
  async persist(attempt: (heard: () => void) => Promise<"done" | "again">, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context.io;
    let hasHeard = false;
    const heard = () => {
      hasHeard = true;
      this.back();
    };
    for (let failures = 0; ; failures++) {
      const startMs = clock.monotonicMs();
      try {
        if ((await attempt(heard)) === "done") return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isWorthRetrying(error, hasHeard)) throw error;
        this.lost(error);
      }
      if (clock.monotonicMs() - startMs > policy.capMs) failures = 0;
      await clock.sleep(leastMs + backoffMs(policy, failures, random), signal);
    }
  }
}

/** What stands in the way, in one line. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ConnectError)) return String(error);
  return wayFaultOf(error)?.what ?? foreignAnswer(error) ?? error.rawMessage;
}

/** Reasons of a server that decided, but may decide otherwise in a moment. */
const passing = new Set(["SERVER_DRAINING", "STORAGE_UNAVAILABLE"]);

/**
 * What a proxy or a stranger's server answers for good. Every error that our server decides carries a reason, so all
 * other codes without one come from the path: Connect reports a stream that was cut as INVALID_ARGUMENT, for one.
 */
const final = new Set<Code>([Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.Unimplemented]);

/** True if calling again may help without anybody doing something. `hasHeard`: this call has worked before. */
export function isWorthRetrying(error: unknown, hasHeard: boolean): boolean {
  if (!(error instanceof ConnectError)) return false;
  const reason = ownReason(error);
  return reason === undefined ? hasHeard || !final.has(error.code) : passing.has(reason);
}
