export const now = (): number => performance.now();

/** Milliseconds since 1970, finer than a clock of whole ones: two processes of one machine can compare them. */
export const preciseMs = (): number => performance.timeOrigin + now();

/** The sample below which this share of them is: 0.5 is the median, 1 the largest. */
export function shareOf(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = now();
  await act();
  return now() - start;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
