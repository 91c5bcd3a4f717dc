import { createRequire } from "node:module";
import type { BurstyRateLimiter, RateLimiterMemory } from "rate-limiter-flexible";
import type { Limits } from "../../control/core/control.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { fieldOf } from "../../lib/values/records.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";

// The package's main file loads every database driver's limiter: half a second at start.
const require = createRequire(import.meta.url);
const Bursty: typeof BurstyRateLimiter = require("rate-limiter-flexible/lib/BurstyRateLimiter.js");
const Memory: typeof RateLimiterMemory = require("rate-limiter-flexible/lib/RateLimiterMemory.js");

type Limiter = Pick<BurstyRateLimiter, "consume">;

/** Over how long a burst is counted. */
const burstSeconds = 10;

/** How often credentials call, and how often addresses show bad ones; in the memory of this process. */
export class CallRates {
  readonly #callsPerSecond: number;
  readonly #failuresPerMinute: number;
  readonly #calls: Limiter | undefined;
  readonly #failures: Limiter | undefined;

  constructor(limits: Pick<Limits, "callsPerSecond" | "authFailuresPerMinute">) {
    this.#callsPerSecond = limits.callsPerSecond;
    this.#failuresPerMinute = limits.authFailuresPerMinute;
    if (this.#callsPerSecond > 0) {
      const steady = new Memory({ points: this.#callsPerSecond, duration: 1 });
      this.#calls = new Bursty(steady, new Memory({ points: 2 * this.#callsPerSecond, duration: burstSeconds }));
    }
    if (this.#failuresPerMinute > 0) {
      this.#failures = new Memory({ points: this.#failuresPerMinute, duration: 60 });
    }
  }

  /**
   * Counts a call. Throws `rate_limited` if there were too many: of one API key, of one agent token at one address, or,
   * where no credential is asked for, from one address. Sessions and jobs of agents have limits of their own.
   */
  async admit(who: Principal | undefined, address: string): Promise<void> {
    const key = keyOf(who, address);
    if (key === undefined || this.#calls === undefined) return;
    const waitMs = await waitFor(this.#calls, key);
    if (waitMs === undefined) return;
    const what = who === undefined ? `from ${address}` : `with this ${who.kind === "api_key" ? "API key" : "token"}`;
    throw tooMany(`more than ${this.#callsPerSecond} calls a second ${what}`, "rate-limit", waitMs);
  }

  /**
   * Counts a rejected credential. What its bearer is told: the rejection, or `rate_limited` after too many from its
   * address.
   */
  async rejected(error: unknown, address: string): Promise<unknown> {
    if (!isRejection(error) || address === "" || this.#failures === undefined) return error;
    const waitMs = await waitFor(this.#failures, address);
    if (waitMs === undefined) return error;
    const what = `more than ${this.#failuresPerMinute} rejected credentials a minute from ${address}`;
    return tooMany(what, "auth-failure-limit", waitMs);
  }
}

function keyOf(who: Principal | undefined, address: string): string | undefined {
  switch (who?.kind) {
    case undefined:
      return address === "" ? undefined : address;
    case "api_key":
      return who.id;
    case "agent_token":
      return `${who.id} ${address}`;
    case "server_agent":
    case "agent_session":
    case "job":
      return undefined;
  }
}

/** True for what says that a credential is not good. */
export const isRejection = (error: unknown): boolean =>
  isWindlassError(error, "token_invalid") ||
  isWindlassError(error, "token_expired") ||
  isWindlassError(error, "token_revoked");

/** How many milliseconds to wait; undefined if there is room. */
async function waitFor(limiter: Limiter, key: string): Promise<number | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (rejection) {
    const waitMs = fieldOf(rejection, "msBeforeNext");
    if (typeof waitMs !== "number") throw rejection;
    return Math.max(1, waitMs);
  }
}

const tooMany = (what: string, limit: string, retryAfterMs: number) =>
  new WindlassError("rate_limited", `${what}: wait, then try again (windlassd --${limit})`, {
    metadata: { limit },
    retryAfterMs,
  });
