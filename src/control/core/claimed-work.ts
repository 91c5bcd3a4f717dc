import * as z from "zod";
import type { Control } from "./control.ts";

/** Work that one process does for all that serve the database. Two at once are harmless: each step decides by the rows. */
export type SharedWork = "sweep" | "collection";

const shape = z.object({ by: z.string(), untilMs: z.number() });

/**
 * Whether this process does the work now. While others serve the database it claims it for so long, by a conditional update, and
 * the others leave it alone meanwhile. Nobody leads: whoever asks first after a claim has run out has the next one. A claim of
 * its own is renewed when half of it is over.
 */
export async function claimWork(
  { store, replicas, clock }: Pick<Control, "store" | "replicas" | "clock">,
  work: SharedWork,
  forMs: number,
): Promise<boolean> {
  if (replicas.isAlone) return true;
  const key = `claim/${work}`;
  const known = await store.read((q) => q.meta.get(key));
  const nowMs = clock.now().getTime();
  const claim = readClaim(known);
  // A clock that was set back must not hold the work up for longer than a claim lasts.
  const isHeld = claim !== undefined && claim.untilMs > nowMs && claim.untilMs <= nowMs + 2 * forMs;
  if (isHeld && claim.by !== replicas.id) return false;
  if (isHeld && claim.untilMs > nowMs + forMs / 2) return true;
  const next = JSON.stringify({ by: replicas.id, untilMs: nowMs + forMs });
  return store.step((tx) => tx.meta.replace(key, known, next));
}

function readClaim(text: string | undefined): z.infer<typeof shape> | undefined {
  if (text === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
