import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { Dialer } from "./dialer.ts";
import { type WayError, wayFaultOf } from "./way-error.ts";

/** What is known of a library that does not tell the dialer when the server has spoken. */
interface Library {
  /** Whether HTTP/2 is spoken right now. */
  readonly isConnected?: (() => boolean) | undefined;
  /** Whether it says with this error that there is no connection. */
  readonly isNoConnection?: ((error: ConnectError) => boolean) | undefined;
}

/**
 * The same calls; the error of one that found no connection, or waited for one in vain, is the reason that the dialer knows:
 * UNAVAILABLE, because of a `WayError`.
 */
export function explained(inner: Transport, dialer: Dialer, library: Library = {}): Transport {
  const explain = (thrown: unknown, signal: AbortSignal | undefined): unknown => {
    if (library.isConnected?.()) dialer.spoken();
    if (signal?.aborted || !(thrown instanceof ConnectError) || wayFaultOf(thrown) !== undefined) return thrown;
    const reason = thrown.details.length > 0 ? undefined : reasonFor(thrown, dialer, library);
    return reason === undefined
      ? thrown
      : new ConnectError(reason.message, Code.Unavailable, thrown.metadata, undefined, reason);
  };
  return {
    unary: async (method, signal, ...rest) => {
      try {
        return await inner.unary(method, signal, ...rest);
      } catch (error) {
        throw explain(error, signal);
      }
    },
    stream: async (method, signal, ...rest) => {
      try {
        const response = await inner.stream(method, signal, ...rest);
        return { ...response, message: itemsOf(response.message, (error) => explain(error, signal)) };
      } catch (error) {
        throw explain(error, signal);
      }
    },
  };
}

function reasonFor(error: ConnectError, dialer: Dialer, { isNoConnection }: Library): WayError | undefined {
  if (error.code === Code.DeadlineExceeded) return dialer.whyLate();
  return isNoConnection?.(error) === false ? undefined : dialer.whyNone(error);
}

async function* itemsOf<T>(items: AsyncIterable<T>, explain: (error: unknown) => unknown): AsyncGenerator<T, void> {
  try {
    yield* items;
  } catch (error) {
    throw explain(error);
  }
}
