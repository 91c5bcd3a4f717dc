import type { Interceptor } from "@connectrpc/connect";
import { type Control, topics } from "../control/core/control.ts";
import { believedMs } from "../control/core/credentials.ts";
import { goodUntil } from "../control/people/browser-sessions.ts";
import type { Person } from "../domain/people/principal.ts";
import { isRejection } from "../http/callers/call-rates.ts";
import { linkSignals, type OwnedSignal } from "../lib/async/abort.ts";
import { observed } from "../lib/async/streams.ts";
import { principalKey } from "./calls/caller.ts";

/**
 * How often a stream looks whether its key is still good, if it hears nothing: another replica may have revoked it. With what a look
 * may find remembered, it ends within 15 s.
 */
const lookEveryMs = 15_000 - believedMs;

/** Ends the streams of an API key, or of a browser session, when it ends: a person who may no longer look does not look on. */
export const endWithKey = (control: Control): Interceptor => {
  const watches = new KeyWatches(control);
  return (next) => async (request) => {
    const who = request.contextValues.get(principalKey);
    if (!request.stream || who?.kind !== "api_key") return next(request);
    const life = linkSignals(request.signal);
    watches.join(who, life);
    const onEnd = () => {
      life.abort();
      life[Symbol.dispose]();
    };
    try {
      const response = await next({ ...request, signal: life.signal });
      if (!response.stream) return response;
      const onError = (error: unknown) => (life.signal.aborted && !request.signal.aborted ? life.signal.reason : error);
      return { ...response, message: observed(untilOver(response.message, request.signal, life), { onError, onEnd }) };
    } catch (error) {
      onEnd();
      throw error;
    }
  };
};

interface Watch {
  /** Ends with the key, or when nobody is left. */
  readonly over: OwnedSignal;
  readonly lives: Set<OwnedSignal>;
}

/** Looks after each key, or browser session, once for all the streams that it has. */
class KeyWatches {
  readonly #control: Control;
  readonly #watches = new Map<string, Watch>();

  constructor(control: Control) {
    this.#control = control;
  }

  /** Aborts a stream with the reason when its key is no longer good, unless it has ended before. */
  join(who: Person, life: OwnedSignal): void {
    if (life.signal.aborted) return;
    const name = `${who.id} ${who.browserSessionId ?? ""}`;
    const watch = this.#watches.get(name) ?? this.#begin(name, who);
    watch.lives.add(life);
    const leave = () => {
      if (watch.lives.delete(life) && watch.lives.size === 0) watch.over.abort();
    };
    life.signal.addEventListener("abort", leave, { once: true });
  }

  #begin(name: string, who: Person): Watch {
    const over = linkSignals();
    const lives = new Set<OwnedSignal>();
    const end = () => {
      this.#watches.delete(name);
      for (const life of [...lives]) life.abort(over.signal.reason);
    };
    over.signal.addEventListener("abort", end, { once: true });
    const watch = { over, lives };
    this.#watches.set(name, watch);
    void watchKey(this.#control, who, over);
    return watch;
  }
}

/** Aborts the call with the reason as soon as its key or session is no longer good; ends with the call. */
export async function watchKey(control: Control, who: Person, life: OwnedSignal): Promise<void> {
  const { wake, clock, log } = control;
  const topic = topics.key(who.id);
  while (!life.signal.aborted) {
    const seen = wake.mark();
    const now = clock.now();
    let until: Date | null = null;
    try {
      until = await goodUntil(control, who, now);
    } catch (error) {
      if (isRejection(error)) return life.abort(error);
      log.warn({ err: error }, "a credential could not be looked up");
    }
    const timeoutMs = Math.min(lookEveryMs, (until?.getTime() ?? Infinity) - now.getTime());
    await wake.changedSince(topic, seen, { signal: life.signal, timeoutMs }).catch(() => {});
  }
}

/**
 * The items; a handler that ends quietly because its key has ended fails all the same, so that nobody takes that for
 * the end.
 */
async function* untilOver<T>(source: AsyncIterable<T>, call: AbortSignal, life: OwnedSignal): AsyncGenerator<T, void> {
  yield* source;
  if (life.signal.aborted && !call.aborted) throw life.signal.reason;
}
