import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { systemClock } from "../clock.ts";
import { messageOf } from "../values/errors.ts";

/** What a program that was waited for has said, and how it ended. */
export interface ProgramEnd {
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined when it ended with 0; else why not, in one line. */
  readonly failure: string | undefined;
}

export interface ProgramOptions {
  readonly cwd?: string | undefined;
  /** All that it gets; by default what this process has. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** After which it is killed. */
  readonly timeoutMs?: number | undefined;
  /** Most that is kept of each of its outputs; by default 1 MiB. A program that says more is killed. */
  readonly maxBytes?: number | undefined;
  /** Kills it when aborted. */
  readonly signal?: AbortSignal | undefined;
}

const defaultMaxBytes = 1024 * 1024;

/**
 * Runs a program to its end. Never rejects: also one that is not there has an end. Node's own `spawn`: agents ask a program for its version
 * while they connect, and a package for this takes longer to load than they take to connect.
 */
export async function runProgram(
  file: string,
  argv: readonly string[],
  { cwd, env, timeoutMs, maxBytes = defaultMaxBytes, signal }: ProgramOptions = {},
): Promise<ProgramEnd> {
  const options: SpawnOptions = {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    // Without a deadline it stays in this terminal: it may ask there.
    detached: timeoutMs !== undefined || signal !== undefined,
    stdio: ["ignore", "pipe", "pipe"],
  };
  let child: ChildProcess;
  try {
    child = spawn(file, argv, options);
  } catch (error) {
    return { stdout: "", stderr: "", failure: oneLine(messageOf(error)) };
  }
  const stop = new Stopper(child, options.detached === true);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => collect(stream, maxBytes, stop.because));
  const over = new AbortController();
  if (timeoutMs !== undefined)
    systemClock.sleep(timeoutMs, over.signal).then(
      () => stop.because(`Command timed out after ${timeoutMs} milliseconds`),
      () => {},
    );
  const onAbort = () => stop.because(messageOf(signal?.reason));
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true, signal: over.signal });
  const ended = await endOf(child);
  over.abort();
  const failure = stop.why ?? ended;
  return { stdout: stdout?.() ?? "", stderr: stderr?.() ?? "", failure: failure && oneLine(failure) };
}

/** Ends a program for the first reason that there is. What it has started goes with it, as it may hold its outputs open for long. */
class Stopper {
  readonly #child: ChildProcess;
  readonly #hasGroup: boolean;
  #why: string | undefined;

  constructor(child: ChildProcess, hasGroup: boolean) {
    this.#child = child;
    this.#hasGroup = hasGroup;
  }

  get why(): string | undefined {
    return this.#why;
  }

  readonly because = (why: string): void => {
    this.#why ??= why;
    const { pid, stdout, stderr } = this.#child;
    stdout?.destroy();
    stderr?.destroy();
    if (pid === undefined) return;
    try {
      process.kill(this.#hasGroup ? -pid : pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
}

/** Keeps what a stream says; answers the text so far. */
function collect(stream: Readable | null, maxBytes: number, stop: (why: string) => void): () => string {
  const pieces: Buffer[] = [];
  let bytes = 0;
  stream?.on("data", (piece: Buffer) => {
    pieces.push(piece.subarray(0, Math.max(0, maxBytes - bytes)));
    bytes += piece.length;
    if (bytes > maxBytes) stop(`Command said more than ${maxBytes} bytes`);
  });
  stream?.on("error", () => {});
  return () => Buffer.concat(pieces).toString("utf8");
}

/** Resolves when a program has ended and its outputs are closed, with why it failed if it did. */
function endOf(child: ChildProcess): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.once("error", (error) => resolve(error.message));
  child.once("close", (code, signal) => {
    if (signal !== null) resolve(`Command was killed with ${signal}`);
    else resolve(code === 0 ? undefined : `Command failed with exit code ${code}`);
  });
  return promise;
}

const oneLine = (text: string): string => text.split("\n", 1)[0] ?? "";
