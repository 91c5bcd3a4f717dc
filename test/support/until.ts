import { setTimeout as pause } from "node:timers/promises";

export interface Patience {
  /** When to give up; 20 s if absent. */
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** What the failure should show. */
  readonly seen?: () => unknown;
}

/**
 * Looks again and again until there is something to see, and answers that; fails, saying what was awaited, after the
 * deadline.
 */
export async function until<Seen>(
  awaited: string,
  look: () => Promise<Seen | undefined | false> | Seen | undefined | false,
  { deadlineMs = 20_000, everyMs = 30, seen }: Patience = {},
): Promise<Seen> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) {
      const last = seen === undefined ? "" : `; last seen: ${show(seen())}`;
      throw new Error(`waited ${deadlineMs / 1000} s in vain: ${awaited}${last}`);
    }
    await pause(everyMs);
  }
}

const show = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}` : item));
