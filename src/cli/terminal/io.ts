import type { Readable, Writable } from "node:stream";
import { untilAborted } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Environment } from "../../lib/environment.ts";
import type { Random } from "../../lib/random.ts";
import { bytesOf } from "../../lib/values/streams.ts";

/** Where the CLI writes; `columns` is undefined when it is not a terminal. */
export interface OutputStream {
  readonly stream: Writable;
  readonly isTty: boolean;
  readonly columns: number | undefined;
  /** True if what is written here is shown again and again, each time in place of what stood before. */
  readonly isWatched?: boolean | undefined;
}

/** Everything of the outside world that the CLI touches besides the server and files. */
export interface Io {
  /** The command line without the program. */
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly workingDirectory: string;
  readonly stdin: { readonly stream: Readable; readonly isTty: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Aborted with an `Interrupted` by Ctrl-C, with a `Terminated` by SIGTERM, and with a `BrokenPipe` when nobody reads
   * stdout any more.
   */
  readonly signal: AbortSignal;
}

/** The person pressed Ctrl-C: exit code 130. */
export class Interrupted extends Error {
  constructor(message = "interrupted") {
    super(message);
    this.name = "Interrupted";
  }
}

/** Somebody asked the process to end: exit code 143. */
export class Terminated extends Interrupted {
  constructor() {
    super("terminated");
    this.name = "Terminated";
  }
}

/** The reader of stdout has gone, as `head` does: a quiet end with exit code 0. */
export class BrokenPipe extends Error {
  constructor() {
    super("nobody reads the output any more");
    this.name = "BrokenPipe";
  }
}

/** Everything on stdin as text, without the newline at its end. */
export async function readStdin(io: Io): Promise<string> {
  return (await readStdinBytes(io)).toString("utf8").replace(/\r?\n$/, "");
}

/** Everything on stdin. */
export async function readStdinBytes({ stdin, signal }: Io): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of untilAborted(bytesOf(stdin.stream), signal)) chunks.push(Buffer.from(chunk));
  if (signal.aborted) {
    // Or the process would wait for what nobody types any more.
    stdin.stream.destroy();
    throw signal.reason;
  }
  return Buffer.concat(chunks);
}
