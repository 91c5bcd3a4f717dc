const firstMs = 1_000;
const lastMs = 64_000;

/** How long to wait before the next attempt, from 0: 1 s, doubled up to 64 s, of which chance takes up to a half. */
export function backoffMs(attempt: number, chance: number): number {
  const wholeMs = Math.min(lastMs, firstMs * 2 ** Math.min(attempt, 16));
  return Math.round(wholeMs * (1 - chance / 2));
}
