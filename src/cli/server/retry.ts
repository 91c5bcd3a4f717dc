import { isMessage } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type UnaryRequest } from "@connectrpc/connect";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { retry } from "../../lib/async/retry.ts";
import { wayFaultOf } from "../../lib/way/way-error.ts";
import type { ClientIdentity } from "./interceptors.ts";

const maxRetries = 3;
const policy: BackoffPolicy = { firstMs: 400, capMs: 2_000 };
const leastMs = 200;

/**
 * Repeats an unary call that the server could not take (UNAVAILABLE), if repeating it is safe: reads, and calls with a
 * request id.
 */
export const retryReads =
  ({ clock, random }: Pick<ClientIdentity, "clock" | "random">): Interceptor =>
  (next) =>
  async (request) => {
    if (request.stream || !isSafeToRepeat(request)) return next(request);
    const waitMs = (error: unknown, failures: number) => {
      const isLast = failures === maxRetries || ConnectError.from(error).code !== Code.Unavailable;
      // Nobody is helped by a second of waiting who has just typed an address.
      if (isLast || wayFaultOf(error) !== undefined) throw error;
      return leastMs + backoffMs(policy, failures, random);
    };
    return retry({ clock, waitMs }, () => next(request), request.signal);
  };

function isSafeToRepeat({ method, message }: UnaryRequest): boolean {
  if (method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return true;
  return isMessage(message) && "requestId" in message && message.requestId !== "";
}
