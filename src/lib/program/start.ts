import { checkNodeVersion } from "./node-version.ts";
import { usePlainHeaders } from "./plain-headers.ts";

/** As Node ends what waits for something that cannot come any more. */
const unfinished = 13;

/**
 * Starts a program where Node can run it, and ends it with the code that `run` answers. What is large is imported in
 * `run`: an older Node would crash inside a native module without a word.
 */
export function startProgram(name: string, run: () => Promise<number>): void {
  const check = checkNodeVersion();
  if (check.kind === "too-old") {
    process.stderr.write(`${name}: ${check.message}\n`);
    process.exitCode = 1;
    return;
  }
  usePlainHeaders();
  process.exitCode = unfinished;
  void run().then((code) => {
    process.exitCode = code;
  });
}
