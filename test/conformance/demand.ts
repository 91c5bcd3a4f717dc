import { setTimeout as pause } from "node:timers/promises";

/** The agent breaks the rule; the message says what was seen. */
export class Broken extends Error {}

/** The rule could not be tried with this agent; the message says why. */
export class Skipped extends Error {}

/** Fails the rule unless the claim holds. */
export function demand(claim: boolean, seen: string): asserts claim {
  if (!claim) throw new Broken(seen);
}

const patienceMs = 30_000;

/** Looks until there is something to see, and answers that; the rule is broken when it does not come in time. */
export async function awaited<Seen>(
  what: string,
  look: () => Promise<Seen | undefined | false> | Seen | undefined | false,
  deadlineMs = patienceMs,
): Promise<Seen> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Broken(`waited ${deadlineMs / 1000} s in vain: ${what}`);
    await pause(10);
  }
}

/** Watches for a while whether something stays away that must not come; the rule is broken when it comes. */
export async function stays(what: string, forMs: number, isBroken: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    if (await isBroken()) throw new Broken(what);
    await pause(20);
  }
}

/** Milliseconds in seconds, for people. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
