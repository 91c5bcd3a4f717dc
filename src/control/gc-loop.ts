import type { Retention } from "../domain/retention.ts";
import { collectGarbage, type GcControl } from "./gc.ts";

/** After a start agents come back first. */
const firstMs = 10 * 60_000;
const everyMs = 3_600_000;

export interface GcLoop {
  readonly retention: Retention;
  /** Keeps collections and backups apart; undefined: one of the other kind is under way. */
  readonly enter: () => Promise<Disposable | undefined>;
}

/** Collects every hour, until the signal is aborted. */
export async function collectUntil(
  control: GcControl,
  { retention, enter }: GcLoop,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = firstMs; !signal.aborted; pauseMs = everyMs) {
    await control.clock.sleep(pauseMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      using entered = await enter();
      if (entered === undefined) control.log.info("a backup is under way: nothing is deleted now");
      else await collectGarbage(control, { retention, isDryRun: false });
    } catch (error) {
      control.log.error({ err: error }, "what is no longer kept could not be deleted: it is tried again");
    }
  }
}
