import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { Dialer } from "../lib/way/dialer.ts";
import { wayFaultOf } from "../lib/way/way-error.ts";

/** The same calls; the error of one that found no connection, or waited for one in vain, has the reason that the dialer knows. */
export const withReasons = (inner: Transport, dialer: Dialer): Transport => ({
  unary: async (method, signal, timeoutMs, header, input, values) => {
    try {
      return await inner.unary(method, signal, timeoutMs, header, input, values);
    } catch (error) {
      throw reasoned(error, dialer, signal);
    }
  },
  stream: async (method, signal, timeoutMs, header, input, values) => {
    try {
      const response = await inner.stream(method, signal, timeoutMs, header, input, values);
      return { ...response, message: reasonedItems(response.message, dialer, signal) };
    } catch (error) {
      throw reasoned(error, dialer, signal);
    }
  },
});

async function* reasonedItems<T>(
  items: AsyncIterable<T>,
  dialer: Dialer,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  try {
    yield* items;
  } catch (error) {
    throw reasoned(error, dialer, signal);
  }
}

function reasoned(thrown: unknown, dialer: Dialer, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted || !(thrown instanceof ConnectError) || wayFaultOf(thrown) !== undefined) return thrown;
  if (thrown.details.length > 0) return thrown;
  const reason = thrown.code === Code.DeadlineExceeded ? dialer.whyLate() : dialer.whyNone(thrown);
  if (reason === undefined) return thrown;
  return new ConnectError(reason.message, Code.Unavailable, thrown.metadata, undefined, reason);
}
