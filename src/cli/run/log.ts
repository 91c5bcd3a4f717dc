import type { RunPhase } from "../../gen/windlass/v1/run_pb.ts";
import type { StreamRunLogsResponse } from "../../gen/windlass/v1/run_service_pb.ts";
import { untilAborted } from "../../lib/async/abort.ts";
import { counted } from "../../lib/text/counted.ts";
import type { Context } from "../server/context.ts";
import { LineTimes, lineTimeLength, type ToldBytes } from "../terminal/line-times.ts";
import { LogColors } from "../terminal/log-colors.ts";
import { LogText } from "../terminal/log-text.ts";
import type { Output } from "../terminal/output.ts";
import type { RunLink } from "./link.ts";
import { type LogCursor, logStart, takePiece } from "./log-cursor.ts";
import type { Runs } from "./target.ts";

/** Of the end of a log, for what is looked for in it. */
const keptCharacters = 8 * 1024;
const outputsHeading = "\nOutputs:\n";

/** Writes the bytes of logs to one of the two streams, in order, each once. */
export class LogSink {
  readonly #output: Output;
  /** Undefined when everything is shown as it is. */
  readonly #text: LogText | undefined;
  readonly #colors: LogColors | undefined;
  readonly #plain = new LogText(false);
  readonly #times: LineTimes | undefined;
  #tail = "";
  #hasShownOutputs = false;

  /** With `hasTimes` lines begin with when they came; not with `isRaw`. */
  constructor(output: Output, isRaw: boolean, hasTimes = false) {
    this.#output = output;
    this.#text = isRaw ? undefined : new LogText(output.hasColor);
    this.#times = hasTimes ? new LineTimes() : undefined;
    this.#colors = isRaw || !output.hasColor ? undefined : new LogColors(hasTimes ? lineTimeLength : 0);
  }

  /** True if the server is to tell when bytes came. */
  get wantsTimes(): boolean {
    return this.#times !== undefined;
  }

  /** True if terraform itself has printed outputs. */
  get hasShownOutputs(): boolean {
    return this.#hasShownOutputs;
  }

  /** True if the end of the log says this. */
  hasTold(text: string): boolean {
    return text !== "" && this.#tail.includes(text);
  }

  async write(told: ToldBytes, signal: AbortSignal): Promise<void> {
    const { bytes } = told;
    const text = this.#tail + this.#plain.take(bytes).replaceAll("\r\n", "\n");
    this.#hasShownOutputs ||= text.includes(outputsHeading);
    this.#tail = text.slice(-keptCharacters);
    if (this.#text === undefined) return this.#output.log(bytes, signal);
    await this.#show(this.#text.take(this.#times?.take(told) ?? bytes), signal);
  }

  /** The log has ended, or nothing more of it is known: shows what was held back. */
  async end(signal: AbortSignal): Promise<void> {
    if (this.#text === undefined) return;
    await this.#show(this.#text.end(), signal);
    await this.#output.log(this.#colors?.end() ?? "", signal);
  }

  #show(text: string, signal: AbortSignal): Promise<void> {
    return this.#output.log(this.#colors?.take(text) ?? text, signal);
  }
}

/** The last bytes of a message: those that are new. */
const told = ({ offset, chunk, times }: StreamRunLogsResponse, bytes: Uint8Array): ToldBytes => ({
  ...{ bytes, offset: Number(offset) + chunk.length - bytes.length, times },
});

/** It only says that the stream lives. */
const isSign = ({ chunk, end, missingBytes }: StreamRunLogsResponse): boolean =>
  chunk.length === 0 && !end && missingBytes === 0n;

interface Wanted {
  readonly runId: string;
  readonly phase: RunPhase;
  readonly follow: boolean;
  /** First byte wanted. */
  readonly offset?: bigint | undefined;
}

interface Means {
  readonly context: Context;
  readonly client: Runs;
  readonly link: RunLink;
  readonly sink: LogSink;
  /** For `-o jsonl`: takes each message instead of the sink. */
  readonly onMessage?: ((message: StreamRunLogsResponse) => Promise<void>) | undefined;
}

/** Copies one phase's log from the server. After a broken connection it goes on at the byte where it broke. */
export class LogCopy {
  readonly #means: Means;
  readonly #wanted: Wanted;
  #cursor: LogCursor;

  constructor(means: Means, wanted: Wanted) {
    this.#means = means;
    this.#wanted = wanted;
    this.#cursor = { ...logStart, position: wanted.offset ?? 0n };
  }

  /** The next byte wanted: it grows while the log comes in. */
  get position(): bigint {
    return this.#cursor.position;
  }

  /** Resolves when the log is complete or, without follow, when everything stored so far has been written. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#means.link.persist((heard) => this.#attempt(heard, signal), signal);
    await this.#means.sink.end(signal);
  }

  async #attempt(heard: () => void, signal: AbortSignal): Promise<"done" | "again"> {
    const { runId, phase, follow } = this.#wanted;
    const withTimes = this.#means.sink.wantsTimes;
    const request = { runId, phase, follow, offset: this.#cursor.position, withTimes };
    for await (const message of untilAborted(this.#means.client.streamRunLogs(request, { signal }), signal)) {
      heard();
      if (isSign(message)) continue;
      const taken = takePiece(this.#cursor, message);
      this.#cursor = taken.cursor;
      const isNew = taken.kind === "restart" || taken.isNewAttempt;
      if (isNew) this.#means.context.notes.progress("this phase was started again; its log begins anew");
      if (taken.kind === "restart") return "again";
      if (this.#means.onMessage !== undefined) await this.#means.onMessage(message);
      else if (taken.bytes.length > 0) await this.#means.sink.write(told(message, taken.bytes), signal);
      if (message.end && message.logProblem !== "")
        this.#means.context.notes.warn(`the log is not whole: ${message.logProblem}`);
      else if (taken.lostBytes > 0n)
        this.#means.context.notes.warn(`${counted(taken.lostBytes, "byte")} of the log are lost`);
      if (message.end) return "done";
    }
    signal.throwIfAborted();
    return follow ? "again" : "done";
  }
}
