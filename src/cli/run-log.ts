import type { RunPhase } from "../gen/windlass/v1/run_pb.ts";
import type { StreamRunLogsResponse } from "../gen/windlass/v1/run_service_pb.ts";
import { untilAborted } from "../lib/abort.ts";
import type { Context } from "./context.ts";
import { type OutputStream, write } from "./io.ts";
import type { RunLink } from "./run-link.ts";
import { type LogCursor, logStart, takePiece } from "./run-log-cursor.ts";
import type { Runs } from "./run-target.ts";
import { EscapeStripper } from "./strip-escapes.ts";
import { hasColor } from "./terminal.ts";
import { counted } from "./words.ts";

const outputsHeading = "\nOutputs:\n";

/** What of a log's terminal escapes is written: a terminal gets colours and nothing else that it would obey. */
export type ShownEscapes = "all" | "colors" | "none";

/** All of them are written only on demand. */
export function shownEscapes({ io, globals }: Context, output: OutputStream, isRaw: boolean): ShownEscapes {
  if (isRaw) return "all";
  return hasColor(output, io.environment, globals.noColor === true) ? "colors" : "none";
}

/** Writes the bytes of logs to a stream, in order, each once. */
export class LogSink {
  readonly #output: OutputStream;
  /** Undefined when everything is shown. */
  readonly #shown: EscapeStripper | undefined;
  readonly #stripper = new EscapeStripper();
  #tail = "";
  #hasShownOutputs = false;

  constructor(output: OutputStream, escapes: ShownEscapes) {
    this.#output = output;
    const kept = { colors: escapes === "colors", characters: !output.isTty };
    this.#shown = escapes === "all" ? undefined : new EscapeStripper(kept);
  }

  /** True if terraform itself has printed outputs. */
  get hasShownOutputs(): boolean {
    return this.#hasShownOutputs;
  }

  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const stripped = this.#stripper.strip(bytes);
    const text = this.#tail + Buffer.from(stripped).toString("latin1");
    this.#hasShownOutputs ||= text.includes(outputsHeading);
    this.#tail = text.slice(-outputsHeading.length);
    await write(this.#output, this.#shown?.strip(bytes) ?? bytes, signal);
  }
}

interface Wanted {
  readonly runId: string;
  readonly phase: RunPhase;
  readonly follow: boolean;
  /** First byte wanted. */
  readonly offset?: bigint;
}

interface Means {
  readonly context: Context;
  readonly client: Runs;
  readonly link: RunLink;
  readonly sink: LogSink;
  /** For `-o jsonl`: takes each message instead of the sink. */
  readonly onMessage?: (message: StreamRunLogsResponse) => Promise<void>;
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
    await this.#means.link.persist(() => this.#attempt(signal), signal);
  }

  async #attempt(signal: AbortSignal): Promise<"done" | "again"> {
    const { runId, phase, follow } = this.#wanted;
    const request = { runId, phase, follow, offset: this.#cursor.position };
    for await (const message of untilAborted(this.#means.client.streamRunLogs(request, { signal }), signal)) {
      this.#means.link.back();
      const taken = takePiece(this.#cursor, message);
      this.#cursor = taken.cursor;
      const isNew = taken.kind === "restart" || taken.isNewAttempt;
      if (isNew) this.#means.context.notes.progress("this phase was started again; its log begins anew");
      if (taken.kind === "restart") return "again";
      if (this.#means.onMessage !== undefined) await this.#means.onMessage(message);
      else if (taken.bytes.length > 0) await this.#means.sink.write(taken.bytes, signal);
      if (taken.lostBytes > 0n)
        this.#means.context.notes.warn(`${counted(taken.lostBytes, "byte")} of the log are lost`);
      if (message.end) return "done";
    }
    signal.throwIfAborted();
    return follow ? "again" : "done";
  }
}
