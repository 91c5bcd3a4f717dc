import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { main } from "../../../src/cli/shell/main.ts";
import type { Io, OutputStream } from "../../../src/cli/terminal/io.ts";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { systemRandom } from "../../../src/lib/random.ts";

interface Setting {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly workingDirectory?: string;
  /** A terminal on all three streams. */
  readonly isTty?: boolean;
  /** Of the terminal. */
  readonly columns?: number;
  readonly clock?: Clock;
}

/** A command line that runs inside this process. */
export interface CliRun {
  readonly exit: Promise<number>;
  /** What has been written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Presses Ctrl-C, or whatever the reason says. */
  readonly abort: (reason: Error) => void;
  /** Types on the terminal. */
  readonly type: (keys: string) => void;
}

class Collected extends Writable {
  readonly #chunks: Buffer[] = [];
  // What prompts ask of a terminal.
  readonly columns = 100;
  readonly rows = 40;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}

/** Starts `windlass` with these arguments, nothing of this machine's environment, and a home of its own. */
export function startCli(args: readonly string[], setting: Setting = {}): CliRun {
  const home = mkdtempSync(join(tmpdir(), "windlass-cli-"));
  const controller = new AbortController();
  const [stdout, stderr, stdin] = [new Collected(), new Collected(), new PassThrough()];
  const isTty = setting.isTty === true;
  if (isTty) Object.assign(stdin, { isTTY: true, setRawMode: () => stdin });
  else stdin.end(setting.stdin ?? "");
  const output = (stream: Writable): OutputStream => ({
    stream,
    isTty,
    columns: isTty ? (setting.columns ?? 100) : undefined,
  });
  const io: Io = {
    args,
    environment: { HOME: home, LANG: "C.UTF-8", ...setting.environment },
    workingDirectory: setting.workingDirectory ?? home,
    stdin: { stream: stdin, isTty },
    stdout: output(stdout),
    stderr: output(stderr),
    clock: setting.clock ?? systemClock,
    random: { ...systemRandom, fraction: () => 0 },
    signal: controller.signal,
  };
  const exit = main(io).finally(() => rmSync(home, { recursive: true, force: true }));
  return {
    exit,
    stdout: () => stdout.text(),
    stderr: () => stderr.text(),
    abort: (reason) => controller.abort(reason),
    type: (keys) => void stdin.write(keys),
  };
}

/** Runs a command line to its end. */
export async function runCli(args: readonly string[], setting: Setting = {}) {
  const run = startCli(args, setting);
  const exit = await run.exit;
  return { exit, stdout: run.stdout(), stderr: run.stderr() };
}

/** Waits for a condition; fails with what was seen when it does not come. */
export async function eventually(condition: () => boolean, seen: () => string = () => ""): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 10_000;
  while (!condition()) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`did not happen within 10 s; seen:\n${seen()}`);
    await systemClock.sleep(5);
  }
}
