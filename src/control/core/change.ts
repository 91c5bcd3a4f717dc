import type { Leases } from "../../domain/runs/job.ts";
import type { Random } from "../../lib/random.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "./control.ts";

/** When a change happens, and whom it will wake once it is committed. */
export interface Change {
  readonly now: Date;
  readonly leases: Leases;
  readonly random: Random;
  /** Topics of `control.wake` to notify after the commit. */
  readonly touched: Set<string>;
  /** Keys of objects that no row refers to once it is committed. Their content is sealed, so nobody puts the same again. */
  readonly unneeded: Set<string>;
}

/** What a change does. It may run again. */
export type ChangeWork<T> = (tx: Queries, at: Change) => Promise<T>;

/** Runs a change as if alone and wakes its readers once it is committed. It waits for all others, and they for it. */
export const change = <T>(control: Control, work: ChangeWork<T>): Promise<T> => changeAbout(control, undefined, work);

/** The same of which is said what it is about, by an id or as it is named: only those wait for it that touch the same. */
export async function changeAbout<T>(control: Control, about: string | undefined, work: ChangeWork<T>): Promise<T> {
  const touched = new Set<string>();
  const unneeded = new Set<string>();
  const result = await control.store.write(
    (tx) => {
      unneeded.clear();
      return work(tx, {
        now: control.clock.now(),
        leases: control.timing.leases,
        random: control.random,
        touched,
        unneeded,
      });
    },
    ...(about === undefined ? [] : [about]),
  );
  for (const topic of touched) control.wake.notify(topic);
  for (const key of unneeded) await forget(control, key);
  return result;
}

/**
 * An object that was stored for a change which then failed is not needed, unless nobody knows whether the change is there: then the
 * collection looks later.
 */
export async function forgetAfter(control: Control, key: string, failure: unknown): Promise<void> {
  if (!isWindlassError(failure, "outcome_unknown")) await forget(control, key);
}

/** What cannot be deleted now is found by the collection. */
async function forget({ blobs, log }: Control, key: string): Promise<void> {
  await blobs.delete(key).catch((error: unknown) => log.warn({ err: error }, "an object could not be deleted"));
}
