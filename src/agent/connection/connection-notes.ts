import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { ConnectionOutcome } from "../contract/connection-outcome.ts";

/** The same problem is told again after this long, and each time after twice as long. */
const firstRepeatMs = 60_000;
const lastRepeatMs = 3_600_000;
/** Problems that take turns are not told with each try. */
const leastPauseMs = 10_000;

/** What was tried, and how often in vain. */
interface Try {
  readonly failures: number;
  /** The address that was called, where there are several. */
  readonly server?: string | undefined;
}

/**
 * Says in the log why there is no connection: once for each problem, again now and then while it lasts, and when it is
 * over.
 */
export class ConnectionNotes {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #isServerAgent: boolean;
  #wasConnected = false;
  #told: { readonly reason: string; readonly atMs: number; readonly repeatMs: number } | undefined;

  constructor({
    clock,
    log,
    isServerAgent,
  }: { readonly clock: Clock; readonly log: Log; readonly isServerAgent: boolean }) {
    this.#clock = clock;
    this.#log = log;
    this.#isServerAgent = isServerAgent;
  }

  /** A connection has ended, or there was none. */
  ended(outcome: ConnectionOutcome, { failures, server }: Try): void {
    if (outcome.kind === "told_to_reconnect" || outcome.kind === "changed") return;
    const reason = reasonOf(outcome);
    const atMs = this.#clock.monotonicMs();
    const repeatMs = this.#repeatAfter(reason, atMs);
    if (repeatMs === undefined) return;
    this.#told = { reason, atMs, repeatMs };
    this.#log.warn(
      { outcome: outcome.kind, reason, failures, server, "agent.server": this.#isServerAgent },
      this.#wasConnected ? "not connected: trying again" : "cannot connect: trying again",
    );
  }

  /** There is a stream. A connection that comes and goes is no news each time. */
  connected(): void {
    const reason = this.#told?.reason;
    if (reason !== undefined && this.#clock.monotonicMs() - (this.#told?.atMs ?? 0) >= leastPauseMs)
      this.#told = undefined;
    if (reason !== undefined || !this.#wasConnected) this.#log.debug({ reason }, "connected");
    this.#wasConnected = true;
  }

  /** After how long the problem is told again if it is told now; undefined if it is not to be told now. */
  #repeatAfter(reason: string, atMs: number): number | undefined {
    const told = this.#told;
    if (told === undefined) return firstRepeatMs;
    const pauseMs = atMs - told.atMs;
    if (told.reason !== reason) return pauseMs >= leastPauseMs ? firstRepeatMs : undefined;
    return pauseMs >= told.repeatMs ? Math.min(told.repeatMs * 2, lastRepeatMs) : undefined;
  }
}

function reasonOf(outcome: ConnectionOutcome): string {
  switch (outcome.kind) {
    case "unavailable":
    case "lost":
      return outcome.reason;
    case "superseded":
    case "protocol_broken":
    case "token_rejected":
    case "version_refused":
    case "deleted":
      return outcome.detail;
    case "changed":
    case "told_to_reconnect":
    case "left":
    case "stopped":
      return "";
  }
}
