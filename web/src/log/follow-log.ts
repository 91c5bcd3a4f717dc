import { createClient, type Transport } from "@connectrpc/connect";
import type { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { RunService, type StreamRunLogsResponse } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { keepOpen, type LiveState, type StreamAttempt } from "../data/keep-open.ts";
import { dateOf } from "../ui/format.ts";
import type { TimedBytes } from "./log-reader.ts";

/** What becomes of the bytes of a log. */
export interface LogSink {
  /** The next bytes. */
  onBytes(next: TimedBytes): void;
  /** Bytes that are missing at this place. */
  onGap(bytes: number): void;
  /** Another attempt has begun: its log begins anew. */
  onReset(): void;
  /** No more will come; what is wrong with the log, if anything is. */
  onEnd(problem: string): void;
  onState(state: LiveState): void;
}

export interface LogPlace {
  readonly runId: string;
  readonly phase: RunPhase;
}

/** Reads a log from its beginning and follows it until it is complete or the signal, over every break. */
export async function followLog(
  transport: Transport,
  place: LogPlace,
  sink: LogSink,
  signal: AbortSignal,
): Promise<void> {
  const client = createClient(RunService, transport);
  const position = new LogPosition(sink);
  const read = async ({ signal: own, heard }: StreamAttempt) => {
    const request = { runId: place.runId, phase: place.phase, offset: position.offset, follow: true, withTimes: true };
    for await (const message of client.streamRunLogs(request, { signal: own })) {
      heard();
      const next = position.take(message);
      if (next !== "more") return next;
    }
    return "broken" as const;
  };
  await keepOpen(read, sink.onState, signal);
}

/** Where in a log the reader stands, over every stream that brings it. */
export class LogPosition {
  offset = 0n;
  #epoch: bigint | undefined;
  readonly #sink: Pick<LogSink, "onBytes" | "onGap" | "onReset" | "onEnd">;

  constructor(sink: Pick<LogSink, "onBytes" | "onGap" | "onReset" | "onEnd">) {
    this.#sink = sink;
  }

  take(message: StreamRunLogsResponse): "more" | "done" | "broken" {
    const { chunk, epoch, end, missingBytes, logProblem } = message;
    if (this.#epoch !== undefined && epoch !== 0n && epoch !== this.#epoch) return this.#beginAnew(epoch);
    if (epoch !== 0n) this.#epoch = epoch;
    if (chunk.length > 0) this.#takeBytes(message);
    if (!end) return "more";
    // What is wrong with the whole log says it too.
    if (missingBytes > 0n && logProblem === "") this.#sink.onGap(Number(missingBytes));
    this.#sink.onEnd(logProblem);
    return "done";
  }

  #takeBytes({ chunk, offset, times: told }: StreamRunLogsResponse): void {
    const known = Number(this.offset - offset);
    if (known >= chunk.length) return;
    if (known < 0) this.#sink.onGap(-known);
    const times = told.map((time) => ({ offset: Number(time.offset), at: dateOf(time.time) }));
    const seen = Math.max(0, known);
    this.#sink.onBytes({ bytes: chunk.subarray(seen), offset: Number(offset) + seen, times });
    this.offset = offset + BigInt(chunk.length);
  }

  /** The stream may have begun in the middle of the new log: it is asked for again from its beginning. */
  #beginAnew(epoch: bigint): "broken" {
    this.#epoch = epoch;
    this.offset = 0n;
    this.#sink.onReset();
    return "broken";
  }
}
