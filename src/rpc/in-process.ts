import { createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import { given } from "../lib/values/records.ts";
import type { Routes } from "./calls/options.ts";

export interface InProcessOptions {
  readonly routes: Routes;
  /** Those of the listener, so that a caller in the same process is authenticated and validated like any other. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly shutdownSignal?: AbortSignal | undefined;
}

/**
 * A transport to services of the same process, streams in both directions included. Messages are encoded and decoded as
 * on a wire, so that neither side can see what the other changes. A handler runs on only when its caller reads on.
 */
export const inProcessTransport = ({ routes, interceptors = [], shutdownSignal }: InProcessOptions): Transport =>
  createRouterTransport(routes, {
    router: { interceptors: [returnOnAbort, ...interceptors], ...given({ shutdownSignal }) },
  });

/** Without a wire nobody asks a handler for more after its call was aborted: it would rest at its last yield for ever. */
const returnOnAbort: Interceptor = (next) => async (request) => {
  const response = await next(request);
  if (!response.stream) return response;
  const iterator = response.message[Symbol.asyncIterator]();
  const onAbort = () => void iterator.return?.()?.then(undefined, () => {});
  if (request.signal.aborted) onAbort();
  else request.signal.addEventListener("abort", onAbort, { once: true });
  return { ...response, message: { [Symbol.asyncIterator]: () => iterator } };
};
