import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Clock, systemClock } from "../clock.ts";

interface Parts {
  readonly clock?: Clock;
  /** The share of the time since it was asked before, from 0 to 1, in which the process worked. */
  readonly workedShare?: () => number;
  readonly collect?: () => void;
}

/** Above this share of a second somebody may be waiting for an answer. */
const quietShare = 0.02;
const lookMs = 1_000;
/** A server that is not quiet by then has work whose memory is larger than what is to be had here. */
const mostLooks = 60;

/**
 * Starting leaves some 20 MiB that V8 gives back only when memory is short. They are given back in the first second in which nothing
 * happens: the process stands still for about a tenth of a second meanwhile.
 */
export async function collectStartGarbage(signal: AbortSignal, parts: Parts = {}): Promise<void> {
  const { clock = systemClock, workedShare = sinceLastAsked(), collect = collectAll } = parts;
  for (let looks = 0; looks < mostLooks; looks += 1) {
    await clock.sleep(lookMs, signal).catch(() => {});
    if (signal.aborted) return;
    if (workedShare() < quietShare) return collect();
  }
}

function sinceLastAsked(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

/** V8's most thorough collection, which its function for this does on request only. */
function collectAll(): void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof gc === "function") gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
