import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import type { ProbeRequest, ProbeResponseSchema } from "../../gen/windlass/v1/system_service_pb.ts";
import { deadlineAfter, untilAborted } from "../../lib/async/abort.ts";
import { Budget } from "../../lib/async/budget.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { callerName, httpVersionKey } from "../calls/caller.ts";

const mib = 1024 * 1024;
/** Each way, on one stream. */
const maxBytes = 8 * mib;
const maxRequests = 10_000;
/** As long as an idle time-out is looked for. */
const maxMs = 10 * 60_000;

/** Two-way streams for those who look for what stands in the way: bounded in number, in bytes and in time. */
export class Probes {
  readonly #control: Pick<Control, "clock" | "random">;
  readonly #places: Budget;

  constructor(control: Pick<Control, "clock" | "random">) {
    const { clock } = control;
    this.#control = control;
    this.#places = new Budget({ what: "probes at once", total: 64, perKey: 4, waitMs: 5_000, maxWaiting: 4, clock });
  }

  /**
   * Answers each request with as many bytes as it asks for. Throws `quota_exceeded` beyond the bounds; ends quietly
   * with the caller's side.
   */
  async *serve(
    requests: AsyncIterable<ProbeRequest>,
    { values, signal }: Pick<HandlerContext, "values" | "signal">,
  ): AsyncGenerator<MessageInitShape<typeof ProbeResponseSchema>, void> {
    using _place = await this.#places.take(callerName(values), 1, signal);
    using until = deadlineAfter(this.#control.clock, maxMs, signal);
    const count = { requests: 0, received: 0, sent: 0 };
    for await (const { chunk, answerBytes } of untilAborted(requests, until.signal)) {
      count.requests++;
      count.received += chunk.length;
      count.sent += answerBytes;
      if (Math.max(count.received, count.sent) > maxBytes || count.requests > maxRequests) throw tooMuch();
      yield {
        number: count.requests,
        receivedBytes: BigInt(count.received),
        chunk: answerBytes === 0 ? new Uint8Array() : this.#control.random.bytes(answerBytes),
        httpVersion: values.get(httpVersionKey),
      };
    }
  }
}

const tooMuch = (): WindlassError =>
  new WindlassError(
    "quota_exceeded",
    `a probe carries at most ${maxBytes / mib} MiB each way in ${maxRequests} requests: open another one`,
    { metadata: { limit: String(maxBytes) } },
  );
