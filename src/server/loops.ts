import type { Control } from "../control/core/control.ts";
import { dispatchUntil } from "../control/jobs/dispatcher.ts";
import { sweepUntil } from "../control/runs/sweeper.ts";
import { flushUntil, type Liveness } from "../control/sessions/liveness.ts";
import { archiveUntil } from "../control/upkeep/archive-logs.ts";
import { collectUntil } from "../control/upkeep/gc-loop.ts";
import { enterMaintenance } from "./data-dir.ts";
import type { Opening } from "./opening.ts";

/** What goes on by itself until the server stops. */
export interface Loops {
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  /** Another loop that is waited for at the end. */
  add(loop: Promise<void>): void;
}

/** Fourth step: starts what dispatches, judges the silent, and keeps the stores small. They end with what `owned` owns. */
export function startLoops(
  { dataDir, settings, owned }: Pick<Opening, "dataDir" | "settings" | "owned">,
  control: Control,
  liveness: Liveness,
): Loops {
  const stopping = new AbortController();
  const { signal } = stopping;
  const loops = [
    dispatchUntil(control, signal),
    flushUntil(control, liveness, signal),
    sweepUntil(control, signal),
    collectUntil(control, { enter: () => enterMaintenance(dataDir) }, signal),
  ];
  const { archiveLogsAfter } = settings;
  if (archiveLogsAfter !== undefined) loops.push(archiveUntil(control, archiveLogsAfter, signal));
  owned.defer(async () => {
    stopping.abort();
    await Promise.allSettled(loops);
  });
  return { signal, add: (loop) => void loops.push(loop) };
}
