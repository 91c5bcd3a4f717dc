import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { timeLeft } from "../../lib/async/abort.ts";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import { retry } from "../../lib/async/retry.ts";
import { isRecord } from "../../lib/values/records.ts";
import { wayFaultOf } from "../../lib/way/way-error.ts";
import { isBrokenConnection } from "../problems/network-problem.ts";
import type { ClientIdentity } from "./interceptors.ts";

const maxRetries = 3;
const policy: BackoffPolicy = { firstMs: 400, capMs: 2_000 };
const leastMs = 200;

interface RetryMeans extends Pick<ClientIdentity, "clock" | "random"> {
  /** Whether another server may take the call now. */
  readonly isElsewhere?: (() => boolean) | undefined;
}

/**
 * Repeats an unary call that the server could not take (UNAVAILABLE), or whose connection broke, if repeating it is safe:
 * reads, and calls with a request id.
 */
export function retryReads(inner: Transport, { clock, random, isElsewhere }: RetryMeans): Transport {
  const waitMs = (error: unknown, failures: number) => {
    // Nobody is helped by a second of waiting who has just typed an address.
    if (failures === maxRetries || !mayPass(error) || wayFaultOf(error) !== undefined) throw error;
    return isElsewhere?.() ? 0 : leastMs + backoffMs(policy, failures, random);
  };
  return {
    unary: async (method, signal, timeoutMs, header, input, values) => {
      if (!isSafeToRepeat(method, input)) return inner.unary(method, signal, timeoutMs, header, input, values);
      const leftMs = timeLeft(clock, timeoutMs);
      const attempt = () => inner.unary(method, signal, leftMs(), header, input, values);
      return retry({ clock, waitMs }, attempt, signal);
    },
    stream: (...call) => inner.stream(...call),
  };
}

const mayPass = (error: unknown): boolean =>
  ConnectError.from(error).code === Code.Unavailable || isBrokenConnection(error);

function isSafeToRepeat({ idempotency }: DescMethod, input: unknown): boolean {
  if (idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return true;
  return isRecord(input) && typeof input.requestId === "string" && input.requestId !== "";
}
