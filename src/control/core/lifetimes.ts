import { invalid } from "./refusals.ts";

const dayMs = 86_400_000;
/** How long a credential is good for if its creator does not say. */
export const defaultLifetimeMs = 90 * dayMs;
const minMs = 1_000;
const maxMs = 3650 * dayMs;

/** When a credential made now ends; a lifetime of 0 is for ever. Refuses what nobody can have meant. */
export function endOf(now: Date, lifetimeMs: number): Date | null {
  if (lifetimeMs === 0) return null;
  if (lifetimeMs < minMs)
    throw invalid("expires_in", "expected at least one second, or 0 for one that does not expire");
  if (!(lifetimeMs <= maxMs)) {
    throw invalid("expires_in", "expected at most 3650 days, or 0 for one that does not expire");
  }
  return new Date(now.getTime() + lifetimeMs);
}
