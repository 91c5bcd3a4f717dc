import type { Readable, Writable } from "node:stream";
import type { Clock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import type { Random } from "../lib/random.ts";

/** Where the CLI writes; `columns` is undefined when it is not a terminal. */
export interface OutputStream {
  readonly stream: Writable;
  readonly isTty: boolean;
  readonly columns: number | undefined;
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
  /** Aborted with an `Interrupted` by Ctrl-C and with a `BrokenPipe` when nobody reads stdout any more. */
  readonly signal: AbortSignal;
}

/** The person pressed Ctrl-C: exit code 130. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted");
    this.name = "Interrupted";
  }
}

/** The reader of stdout has gone, as `head` does: a quiet end with exit code 0. */
export class BrokenPipe extends Error {
  constructor() {
    super("nobody reads the output any more");
    this.name = "BrokenPipe";
  }
}

/** Writes and waits until the stream can take more. Rejects with the signal's reason when aborted. */
export async function write({ stream }: OutputStream, chunk: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (stream.write(chunk)) return;
  await new Promise<void>((resolve, reject) => {
    const onDrain = () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = () => {
      stream.removeListener("drain", onDrain);
      reject(signal?.reason);
    };
    stream.once("drain", onDrain);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Everything on stdin as text, without the newline at its end. */
export async function readStdin({ stdin, signal }: Io): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin.stream) {
    signal.throwIfAborted();
    chunks.push(Buffer.from(chunk as Buffer));
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
