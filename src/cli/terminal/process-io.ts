import { systemClock } from "../../lib/clock.ts";
import { readEnvironment } from "../../lib/environment.ts";
import { systemRandom } from "../../lib/random.ts";
import { BrokenPipe, Interrupted, type Io, type OutputStream, Terminated } from "./io.ts";

/**
 * This process as an `Io`. Dispose it to stop listening for Ctrl-C and SIGTERM; a second one of a kind ends the process
 * at once.
 */
export function processIo(): Io & Disposable {
  const controller = new AbortController();
  const onInterrupt = () => controller.abort(new Interrupted());
  const onTerminate = () => controller.abort(new Terminated());
  const onPipeError = (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") controller.abort(new BrokenPipe());
    else controller.abort(error);
  };
  process.once("SIGINT", onInterrupt);
  process.once("SIGTERM", onTerminate);
  process.stdout.on("error", onPipeError);
  process.stderr.on("error", () => {});
  return {
    args: process.argv.slice(2),
    environment: readEnvironment(),
    workingDirectory: process.cwd(),
    stdin: { stream: process.stdin, isTty: process.stdin.isTTY === true },
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    clock: systemClock,
    random: systemRandom,
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.removeListener("SIGINT", onInterrupt);
      process.removeListener("SIGTERM", onTerminate);
    },
  };
}

const outputOf = (stream: NodeJS.WriteStream): OutputStream => {
  const isTty = stream.isTTY === true;
  // A terminal without a size, as some containers have, says 0: prompts and tables would break on it.
  if (isTty && !(stream.columns > 0)) Object.assign(stream, { columns: 80, rows: 24 });
  return { stream, isTty, columns: isTty ? stream.columns : undefined };
};
