import { claimWork } from "../core/claimed-work.ts";
import type { Control } from "../core/control.ts";
import { collectGarbage } from "./gc.ts";
import type { GcControl } from "./gc-counts.ts";

/** After a start agents come back first. */
const firstMs = 10 * 60_000;
const everyMs = 3_600_000;

/** How much is given back at once: a few milliseconds of the one that writes. */
const pagesAtOnce = 200;
const stepPauseMs = 25;

export interface GcLoop {
  /** Keeps collections and backups apart; undefined: one of the other kind is under way. */
  readonly enter: () => Promise<Disposable | undefined>;
}

/** Of several servers one collects each time: for the others it is done until it is due again. */
const claimMs = everyMs - firstMs;

/** Collects every hour, until the signal is aborted. Another server has collected: it is looked again sooner. */
export async function collectUntil(
  control: GcControl & Pick<Control, "retention" | "replicas">,
  { enter }: GcLoop,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = firstMs; !signal.aborted; ) {
    await control.clock.sleep(pauseMs, signal).catch(() => {});
    if (signal.aborted) return;
    pauseMs = everyMs;
    try {
      if (!(await claimWork(control, "collection", claimMs))) {
        pauseMs = firstMs;
        continue;
      }
      using entered = await enter();
      if (entered === undefined) control.log.info("a backup is under way: nothing is deleted now");
      else {
        await collectGarbage(control, { retention: control.retention, isDryRun: false });
        await giveBackRoom(control, stepPauseMs, signal);
      }
    } catch (error) {
      control.log.error({ err: error }, "what is no longer kept could not be deleted: it is tried again");
    }
  }
}

/** Gives the disk back what deletions have left, in small steps, so that nobody waits for it. */
export async function giveBackRoom(
  { store, logs, clock }: Pick<GcControl, "store" | "logs" | "clock">,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const place of [store, logs]) {
    while (!signal.aborted && (await place.giveBack(pagesAtOnce))) await clock.sleep(pauseMs, signal).catch(() => {});
  }
}
