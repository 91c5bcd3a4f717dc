import { deadlineAfter } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { handlesSignal, identifyChild, isAlive, type ProcessIdentity } from "./process-identity.ts";

const checkMs = 10;
/** A program that does not handle a signal by then never does. */
const patienceMs = 5_000;

/**
 * The program in a sandbox, as the sandbox reported it (the JSON of `bwrap --info-fd`). Only a child of the sandbox itself
 * counts: whatever else stands there, no other process gets its signals.
 */
export async function sandboxedProgram(sandbox: ProcessIdentity, report: string): Promise<ProcessIdentity | undefined> {
  const [, pid] = /"child-pid"\s*:\s*(\d+)/.exec(report) ?? [];
  return pid === undefined ? undefined : identifyChild(Number(pid), sandbox);
}

/** Waits until a program handles a signal: as the first process of its namespace it would not even notice it before. */
export async function untilHandled(
  program: ProcessIdentity,
  signal: "SIGINT" | "SIGTERM",
  clock: Clock,
): Promise<void> {
  using deadline = deadlineAfter(clock, patienceMs);
  while (!deadline.signal.aborted && (await isAlive(program)) && (await handlesSignal(program.pid, signal)) === false) {
    await clock.sleep(checkMs, deadline.signal).catch(() => {});
  }
}
