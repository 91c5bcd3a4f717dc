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

/** Runs a program to its end. Never rejects: also one that is not there has an end. Loaded when it is first used. */
export async function runProgram(
  file: string,
  argv: readonly string[],
  { cwd, env, timeoutMs, maxBytes = defaultMaxBytes, signal }: ProgramOptions = {},
): Promise<ProgramEnd> {
  const { execa } = await import("execa");
  const result = await execa(file, argv, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env, extendEnv: false }),
    stdin: "ignore",
    timeout: timeoutMs ?? 0,
    killSignal: "SIGKILL",
    // They may hold its outputs open for long. Without a deadline it stays in this terminal: it may ask there.
    killDescendants: timeoutMs !== undefined || signal !== undefined,
    maxBuffer: maxBytes,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    reject: false,
    stripFinalNewline: false,
  });
  const { stdout, stderr, failed, shortMessage, originalMessage } = result;
  return { stdout, stderr, failure: failed ? oneLine(originalMessage ?? shortMessage ?? "") : undefined };
}

const oneLine = (text: string): string => text.split("\n", 1)[0] ?? "";
