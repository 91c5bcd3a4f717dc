import { showsAll, warningsFor } from "../../domain/runs/in-flight.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { Position } from "../../store/ports/pages.ts";
import type { TellingRun } from "../../store/ports/runs.ts";
import type { Queries } from "../../store/ports/store.ts";

/** How far back is looked, in runs of the workspace that have ended. */
const maxRuns = 100;
const pageSize = 20;

/** What earlier applies of the workspace may have left in flight, for the person who decides about this run. */
export async function warningsOf(tx: Queries, run: Run): Promise<readonly string[]> {
  const ended: TellingRun[] = [];
  for (let before: Position | null = null; ended.length < maxRuns; ) {
    const page: readonly TellingRun[] = await tx.runs.ended(run.workspaceId, { before, limit: pageSize });
    ended.push(...page);
    const last = page.at(-1);
    // What ended before such a run is told no more; the rest of the page is for runs that overtook each other.
    if (last === undefined || page.length < pageSize || page.some(showsAll)) break;
    before = { at: last.createdAt, id: last.id };
  }
  return warningsFor(ended);
}
