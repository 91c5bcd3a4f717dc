import * as z from "zod";
import { deadlineAfter } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { stat } from "../../lib/fs/at-once.ts";
import { tailFile } from "./log-tail.ts";

/** Of a program that forgets an interrupt which comes too early: when it does no more. */
export interface InterruptHold {
  /** A regular expression, of less than 200 characters of what it prints then. */
  readonly until: string;
  /** How long after its start that is waited for, at most. */
  readonly atMostMs: number;
}

/** As it lies in a step's directory. */
export const holdShape = z.object({ until: z.string(), atMostMs: z.number(), logFile: z.string() });

interface Held {
  /** The file that was written right before the program was started. */
  readonly startFile: string;
  readonly waitForExit: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
}

/** Waits until a program heeds interrupts, has ended, or is old enough. */
export async function untilHeeded(
  { until, atMostMs, logFile }: z.infer<typeof holdShape>,
  { startFile, waitForExit, clock }: Held,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ageMs = clock.now().getTime() - (await stat(startFile)).mtimeMs;
  const leftMs = Math.min(atMostMs - ageMs, atMostMs);
  if (leftMs <= 0) return;
  using deadline = deadlineAfter(clock, leftMs, signal);
  const ended = waitForExit(deadline.signal);
  try {
    await hasPrinted(tailFile(logFile, { ended, clock, signal: deadline.signal }), new RegExp(until));
  } catch (error) {
    signal?.throwIfAborted();
    if (!deadline.signal.aborted) throw error;
  } finally {
    deadline.abort();
  }
}

async function hasPrinted(pieces: AsyncIterable<Uint8Array>, pattern: RegExp): Promise<boolean> {
  let end = "";
  for await (const piece of pieces) {
    const text = end + Buffer.from(piece).toString("latin1");
    if (pattern.test(text)) return true;
    end = text.slice(-200);
  }
  return false;
}
