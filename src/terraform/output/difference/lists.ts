/**
 * Most pairs of elements that are compared for one difference: an event is at most a few megabytes, and its lists can
 * be long.
 */
const maxPairs = 4_000_000;

/** What is left of the work that one difference may be. */
export interface DifferenceBudget {
  pairs: number;
}

export const newBudget = (): DifferenceBudget => ({ pairs: maxPairs });

/** Two lists as OpenTofu compares them: one element is the other if their keys are the same. */
export interface Lists {
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** True for elements that are told as one that has changed. */
  readonly isPair: (before: number, after: number) => boolean;
}

/** An element that left, one that came, or one that has its place in both lists. */
export type DifferenceStep = readonly [before: number | undefined, after: number | undefined];

/**
 * The way from one list to the other. As `ProcessSlice` of OpenTofu's collections/slice.go. Throws `RangeError` when it
 * is too long.
 */
export function stepsBetween(budget: DifferenceBudget, { before, after, isPair }: Lists): readonly DifferenceStep[] {
  const common = commonSubsequence(budget, before, after);
  const steps: DifferenceStep[] = [];
  let [left, right] = [0, 0];
  for (let at = 0; at <= common.length; at += 1) {
    const next = common[at];
    const isNext = (key: string | undefined): boolean => next !== undefined && key === next;
    while (left < before.length && !isNext(before[left])) {
      const isOne = right < after.length && !isNext(after[right]) && isPair(left, right);
      steps.push([left++, isOne ? right++ : undefined]);
    }
    while (right < after.length && !isNext(after[right])) {
      const isOne = left < before.length && isPair(left, right);
      steps.push([isOne ? left++ : undefined, right++]);
    }
    if (next !== undefined) steps.push([left++, right++]);
  }
  return steps;
}

/**
 * Of several that are equally long the one that OpenTofu takes. As `LongestCommonSubsequence` of its
 * plans/objchange/lcs.go.
 */
function commonSubsequence(budget: DifferenceBudget, xs: readonly string[], ys: readonly string[]): readonly string[] {
  budget.pairs -= xs.length * ys.length;
  if (budget.pairs < 0) throw new RangeError("a difference of too many elements");
  const width = xs.length;
  const lengths = new Uint32Array(width * ys.length);
  const at = (x: number, y: number): number => (x < 0 || y < 0 ? 0 : (lengths[width * y + x] ?? 0));
  for (let y = 0; y < ys.length; y += 1)
    for (let x = 0; x < width; x += 1)
      lengths[width * y + x] = xs[x] === ys[y] ? at(x - 1, y - 1) + 1 : Math.max(at(x - 1, y), at(x, y - 1));
  const found: string[] = [];
  for (let [x, y] = [width - 1, ys.length - 1]; x >= 0 && y >= 0; ) {
    const key = xs[x];
    if (key !== undefined && key === ys[y]) {
      found.push(key);
      x -= 1;
      y -= 1;
    } else if (at(x - 1, y) > at(x, y - 1)) x -= 1;
    else y -= 1;
  }
  return found.reverse();
}
