/** How many resources a plan would change, or an apply changed; what an older program does not count is absent. */
export interface CountedChanges {
  readonly add: number;
  readonly change: number;
  readonly destroy: number;
  readonly import: number;
  readonly forget?: number | undefined;
  readonly drift?: number | undefined;
  readonly move?: number | undefined;
}

/** What kind of run the counts are of: one that is refresh-only changes nothing but what is recorded. */
export interface CountedRun {
  readonly isRefreshOnly: boolean;
  /** terraform or tofu; empty or absent where it is not known yet. */
  readonly engine?: string | null | undefined;
  /** Whether there is anything to apply; absent where nobody says. */
  readonly hasChanges?: boolean | undefined;
}

/**
 * `2 to import, 1 to add, 0 to change, 3 to destroy, 1 to forget`, as terraform and tofu count; `1 to move, 3 changed
 * outside`.
 */
export function plannedWords(counts: CountedChanges, run: CountedRun): string {
  const drift = driftWords(counts, run);
  if (run.isRefreshOnly && drift !== "") return drift;
  if (run.isRefreshOnly) return run.hasChanges === false ? "no changes" : "recorded values to update";
  const { add, change, destroy, import: imported, forget = 0, move = 0 } = counts;
  const words = [`${add} to add, ${change} to change, ${destroy} to destroy`];
  return listed([some(imported, "to import"), ...words, some(forget, "to forget"), some(move, "to move"), drift]);
}

/** The same of an apply: `1 added, 0 changed, 3 destroyed, 1 forgotten`. */
export function appliedWords(counts: CountedChanges, run: CountedRun): string {
  const drift = driftWords(counts, run);
  if (run.isRefreshOnly) return drift === "" ? "recorded values updated" : `${drift}, accepted`;
  const { add, change, destroy, import: imported, forget = 0, move = 0 } = counts;
  const words = [`${add} added, ${change} changed, ${destroy} destroyed`];
  return listed([some(imported, "imported"), ...words, some(forget, "forgotten"), some(move, "moved")]);
}

/** For a narrow column: `+1 ~0 -3 .1 (1 import, 1 outside)`. */
export function shortWords(counts: CountedChanges, run: CountedRun): string {
  if (run.isRefreshOnly) return plannedWords(counts, run);
  const { add, change, destroy, import: imported, forget = 0, move = 0, drift = 0 } = counts;
  const beside = listed([some(imported, "import"), some(move, "move"), some(drift, "outside")]);
  return `+${add} ~${change} -${destroy}${forget === 0 ? "" : ` .${forget}`}${beside === "" ? "" : ` (${beside})`}`;
}

const driftWords = ({ drift = 0 }: CountedChanges, run: CountedRun): string =>
  some(drift, `changed outside of ${outsideOf(run)}`);

/** Which program does not know of a change. */
export const outsideOf = ({ engine }: Pick<CountedRun, "engine">): string =>
  engine === "tofu" ? "OpenTofu" : "terraform";

const some = (count: number, what: string): string => (count === 0 ? "" : `${count} ${what}`);
const listed = (words: readonly string[]): string => words.filter((word) => word !== "").join(", ");
