import type { Interceptor } from "@connectrpc/connect";
import { type Control, topics } from "../control/core/control.ts";
import { demandActiveKey } from "../control/people/authentication.ts";
import type { Person } from "../domain/people/principal.ts";
import { linkSignals, type OwnedSignal } from "../lib/async/abort.ts";
import { observed } from "../lib/async/streams.ts";
import { principalKey } from "./calls/caller.ts";

/** How often a stream looks whether its key is still good, if it hears nothing: another replica may have revoked it. */
const lookEveryMs = 15_000;

/** Ends the streams of an API key when the key ends: a person who may no longer look does not look on. */
export const endWithKey =
  (control: Control): Interceptor =>
  (next) =>
  async (request) => {
    const who = request.contextValues.get(principalKey);
    if (!request.stream || who?.kind !== "api_key") return next(request);
    const life = linkSignals(request.signal);
    void watchKey(control, who, life);
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

/** Aborts the call with the reason as soon as its key is no longer good; ends with the call. */
async function watchKey({ wake, store, clock, log }: Control, { id }: Person, life: OwnedSignal): Promise<void> {
  const topic = topics.key(id);
  while (!life.signal.aborted) {
    const seen = wake.version(topic);
    const key = await store
      .read((q) => q.apiKeys.get(id))
      .catch((err: unknown) => {
        log.warn({ err }, "a credential could not be looked up");
        return null;
      });
    try {
      if (key !== null) demandActiveKey(key, clock.now());
    } catch (reason) {
      return life.abort(reason);
    }
    const timeoutMs = Math.min(lookEveryMs, (key?.expiresAt?.getTime() ?? Infinity) - clock.now().getTime());
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
